import { ByteReader, decodeFileName, Fault, formatUuid, type Source } from '../../core/index.ts';
import { type Checksum, checksumOf, holdsItsChecksum } from './checksum.ts';
import type { NodePointer } from './node.ts';

/** The first copy. Linux mounts by this one only; the others are for repair tools. */
const superblockAt = 64 * 1024;
const superblockBytes = 4096;
const magic = '_BHRfS_M';

export type Superblock = {
  readonly checksum: Checksum;
  /** The id that nodes carry: metadata_uuid where it differs from the one shown to people. */
  readonly metadataUuid: Uint8Array;
  readonly uuid: string;
  readonly label: string;
  readonly totalBytes: number;
  readonly sectorBytes: number;
  readonly nodeBytes: number;
  readonly deviceId: number;
  readonly incompatFlags: bigint;
  readonly root: NodePointer;
  readonly chunkRoot: NodePointer;
  readonly systemChunks: Uint8Array;
};

/** Whether the magic of btrfs stands where it should; nothing else is checked. */
export function isBtrfs(source: Source): boolean {
  if (source.sizeBytes < superblockAt + superblockBytes) return false;
  return Buffer.from(source.read(superblockAt + 64, 8)).toString('latin1') === magic;
}

/**
 * Reads and checks the superblock.
 * Faults: btrfs.magic, btrfs.checksum-type, btrfs.checksum, btrfs.superblock, btrfs.unsupported, bytes.*, source.range.
 * Source: btrfs "On-disk format" §superblock; Linux fs/btrfs/disk-io.c btrfs_validate_super.
 */
export function readSuperblock(source: Source): Superblock {
  if (!isBtrfs(source)) {
    throw new Fault('btrfs.magic', `Cannot read btrfs: no ${magic} at byte ${superblockAt + 64}`, {
      where: source.name,
    });
  }
  const bytes = source.read(superblockAt, superblockBytes);
  const superblock = parseSuperblock(bytes, source);
  if (superblock.totalBytes > source.sizeBytes) {
    throw new Fault(
      'btrfs.superblock',
      `Cannot read btrfs: it spans ${superblock.totalBytes} bytes, ${source.name} has ${source.sizeBytes}`,
      { where: source.name, next: 'The image is cut short: fetch or build it again' },
    );
  }
  return superblock;
}

function parseSuperblock(bytes: Uint8Array, source: Source): Superblock {
  const r = new ByteReader(bytes, `btrfs superblock of ${source.name}`, superblockAt);
  const refuse = (field: string, problem: string) => r.fault('btrfs.superblock', field, problem);

  r.skip(32, 'csum');
  const fsid = r.bytes(16, 'fsid');
  const place = r.u64le('bytenr');
  if (place !== superblockAt) throw refuse('bytenr', `${place}, want ${superblockAt}`);
  refuseFlags(r.u64leBig('flags') & unmountableFlags, superblockFlagNames, r, 'flags');
  r.skip(8, 'magic');
  const generation = r.u64le('generation');
  const rootAt = r.u64le('root');
  const chunkRootAt = r.u64le('chunk_root');
  if (r.u64leBig('log_root') !== 0n) {
    throw r.fault('btrfs.unsupported', 'log_root', 'a log that was not replayed: the last writer did not unmount');
  }
  r.skip(8, 'log_root_transid');
  const totalBytes = r.u64le('total_bytes');
  r.skip(8, 'bytes_used');
  r.skip(8, 'root_dir_objectid');
  const deviceCount = r.u64le('num_devices');
  if (deviceCount !== 1) throw r.fault('btrfs.unsupported', 'num_devices', `${deviceCount} devices, want 1`);
  const sectorBytes = readBlockSize(r, 'sectorsize');
  const nodeBytes = readBlockSize(r, 'nodesize');
  if (nodeBytes < sectorBytes) throw refuse('nodesize', `${nodeBytes}, want at least the sector size ${sectorBytes}`);
  r.skip(4, 'leafsize');
  r.skip(4, 'stripesize');
  const systemChunksBytes = r.u32le('sys_chunk_array_size');
  if (systemChunksBytes > 2048) throw refuse('sys_chunk_array_size', `${systemChunksBytes}, want at most 2048`);
  const chunkGeneration = r.u64le('chunk_root_generation');
  r.skip(8, 'compat_flags');
  r.skip(8, 'compat_ro_flags');
  const incompatFlags = r.u64leBig('incompat_flags');
  refuseFlags(incompatFlags & ~readableFeatures, incompatFlagNames, r, 'incompat_flags');
  const checksum = checksumOf(r.u16le('csum_type'));
  if (!holdsItsChecksum(checksum, bytes)) {
    throw new Fault('btrfs.checksum', `Cannot read btrfs: the superblock's ${checksum.name} checksum does not match`, {
      where: `${source.name}, byte ${superblockAt}`,
    });
  }
  const rootLevel = r.u8('root_level');
  const chunkRootLevel = r.u8('chunk_root_level');
  r.skip(1, 'log_root_level');
  const deviceId = r.u64le('dev_item.devid');
  r.seek(299, 'label');
  const label = r.bytes(256, 'label');
  r.skip(16, 'cache_generation and uuid_tree_generation');
  const metadataUuid = r.bytes(16, 'metadata_uuid');
  r.seek(811, 'sys_chunk_array');
  const systemChunks = r.bytes(2048, 'sys_chunk_array').subarray(0, systemChunksBytes);

  return Object.freeze({
    checksum,
    metadataUuid: (incompatFlags & incompatFlag.metadataUuid) === 0n ? fsid : metadataUuid,
    uuid: formatUuid(fsid),
    label: decodeFileName(upToNul(label)),
    totalBytes,
    sectorBytes,
    nodeBytes,
    deviceId,
    incompatFlags,
    root: { bytenr: rootAt, level: rootLevel, generation },
    chunkRoot: { bytenr: chunkRootAt, level: chunkRootLevel, generation: chunkGeneration },
    systemChunks,
  });
}

/** Sectors and nodes: a power of two from 4 to 64 KiB. */
function readBlockSize(r: ByteReader, field: string): number {
  const size = r.u32le(field);
  if (size < 4096 || size > 65_536 || (size & (size - 1)) !== 0)
    throw r.fault('btrfs.superblock', field, `${size}, want a power of two from 4096 to 65536`);
  return size;
}

export const incompatFlag = {
  compressLzo: 1n << 3n,
  compressZstd: 1n << 4n,
  metadataUuid: 1n << 10n,
} as const;

/** Features that change nothing for a reader or that this one knows: bits 0 to 11 and simple quotas. */
const readableFeatures = 0xfffn | (1n << 16n);

const incompatFlagNames: Readonly<Record<number, string>> = {
  12: 'zoned',
  13: 'extent-tree-v2',
  14: 'raid-stripe-tree',
  17: 'remap-tree',
};

/** The superblock of no mountable file system: a dump of metadata, or a change of its id that did not end. */
const unmountableFlags = 0xfn << 33n;
const superblockFlagNames: Readonly<Record<number, string>> = {
  33: 'metadump',
  34: 'metadump-v2',
  35: 'changing-fsid',
  36: 'changing-fsid-v2',
};

function refuseFlags(flags: bigint, names: Readonly<Record<number, string>>, r: ByteReader, field: string): void {
  for (let bit = 0; bit < 64; bit++) {
    if ((flags >> BigInt(bit)) & 1n)
      throw r.fault('btrfs.unsupported', field, `feature ${names[bit] ?? `of bit ${bit}`}`);
  }
}

function upToNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
