import { ByteReader, Fault, formatUuid, type Source } from '../../core/index.ts';
import { crc32c } from '../crc32c/index.ts';

/** What later reads need of `struct erofs_super_block` (Linux fs/erofs/erofs_fs.h). */
export type Superblock = {
  readonly blockBits: number;
  readonly blockSizeBytes: number;
  readonly sizeBytes: number;
  readonly rootNid: number;
  /** Seconds since 1970 of compact inodes, which have no time of their own. */
  readonly builtAt: number;
  readonly metadataOffset: number;
  readonly sharedXattrOffset: number;
  readonly uuid: string;
  readonly label: string | null;
  /** Compressed data stands at the end of its cluster, zeros before it. */
  readonly zeroPadding: boolean;
  readonly bigClusters: boolean;
  /** Compression formats that clusters may use, by `h_algorithmtype`. */
  readonly compressions: readonly Compression[];
  /** The inode that holds the fragments of all files; null where there is none. */
  readonly packedNid: number | null;
  readonly xattrPrefixes: XattrPrefixTable | null;
};

/** Where the long prefixes of attribute names stand: in the packed inode, or in the image. */
export type XattrPrefixTable = {
  readonly count: number;
  readonly offset: number;
  readonly packed: boolean;
};

export const compressions = ['lz4', 'lzma', 'deflate', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

export const superblockOffset = 1024;
const superblockBytes = 128;
const magic = 0xe0f5e1e2;

const compat = { checksum: 0x1, plainXattrPrefixes: 0x10 } as const;

/** Bits 1, 3 and 5 have two names each in the kernel; other fields tell which one is meant. */
const incompat = {
  zeroPadding: 0x1,
  compressionConfigurations: 0x2,
  chunkedFiles: 0x4,
  deviceTableOrSecondHead: 0x8,
  inlineTails: 0x10,
  fragmentsOrDeduplication: 0x20,
  xattrPrefixes: 0x40,
} as const;
const knownIncompat = Object.values(incompat).reduce((all, bit) => all | bit, 0);
const unsupportedIncompat: readonly (readonly [bit: number, name: string])[] = [
  [0x80, '48-bit layout'],
  [0x100, 'metabox'],
];

/** Faults: erofs.magic, erofs.checksum, erofs.feature, erofs.superblock, source.range. */
export function readSuperblock(source: Source): Superblock {
  const bytes = source.read(superblockOffset, superblockBytes);
  const r = new ByteReader(bytes, 'erofs superblock', superblockOffset);
  const found = r.u32le('magic');
  if (found !== magic) throw r.fault('erofs.magic', 'magic', `0x${found.toString(16)}, want 0x${magic.toString(16)}`);
  const checksum = r.u32le('checksum');
  const featureCompat = r.u32le('feature_compat');
  const blockBits = r.u8('blkszbits');
  // The kernel's bounds: a sector, and the largest page of any architecture.
  if (blockBits < 9 || blockBits > 16) throw r.fault('erofs.superblock', 'blkszbits', `${blockBits}, want 9 to 16`);
  const blockSizeBytes = 2 ** blockBits;
  if (featureCompat & compat.checksum) verifyChecksum(source, blockSizeBytes, checksum);
  const extraSlots = r.u8('sb_extslots');
  const rootNid = r.u16le('root_nid');
  r.skip(8, 'inos');
  const builtAt = signedSeconds(r, 'build_time');
  r.skip(4, 'build_time_nsec');
  const blocks = r.u32le('blocks');
  const metadataBlock = r.u32le('meta_blkaddr');
  const sharedXattrBlock = r.u32le('xattr_blkaddr');
  const uuid = formatUuid(r.bytes(16, 'uuid'));
  const label = r.asciiPadded(16, 'volume_name');
  const featureIncompat = r.u32le('feature_incompat');
  refuseUnknownFeatures(r, featureIncompat);
  const has = (bit: number): boolean => (featureIncompat & bit) !== 0;
  const algorithms = r.u16le('available_compr_algs');
  const extraDevices = r.u16le('extra_devices');
  if (extraDevices !== 0) throw r.fault('erofs.feature', 'extra_devices', 'the device table is not supported');
  r.skip(2, 'devt_slotoff');
  const directoryBlockBits = r.u8('dirblkbits');
  if (directoryBlockBits !== 0)
    throw r.fault('erofs.feature', 'dirblkbits', 'directory blocks larger than a block are not supported');
  const prefixCount = r.u8('xattr_prefix_count');
  const prefixStart = r.u32le('xattr_prefix_start');
  const packedNid = r.u64le('packed_nid');
  const sizeBytes = blocks * blockSizeBytes;
  if (sizeBytes > source.sizeBytes || sizeBytes < superblockOffset + superblockBytes + extraSlots * 16)
    throw r.fault('erofs.superblock', 'blocks', `${sizeBytes} bytes claimed, ${source.name} has ${source.sizeBytes}`);
  const packed = has(incompat.fragmentsOrDeduplication) && packedNid !== 0;
  return {
    blockBits,
    blockSizeBytes,
    sizeBytes,
    rootNid,
    builtAt,
    metadataOffset: metadataBlock * blockSizeBytes,
    sharedXattrOffset: sharedXattrBlock * blockSizeBytes,
    uuid,
    label: label === '' ? null : label,
    zeroPadding: has(incompat.zeroPadding),
    bigClusters: has(incompat.compressionConfigurations),
    compressions: availableCompressions(has, algorithms),
    packedNid: packed ? packedNid : null,
    xattrPrefixes:
      has(incompat.xattrPrefixes) && prefixCount > 0
        ? {
            count: prefixCount,
            offset: prefixStart * 4,
            packed: packed && (featureCompat & compat.plainXattrPrefixes) === 0,
          }
        : null,
  };
}

/** Seconds since 1970, which may lie before it. */
export function signedSeconds(r: ByteReader, field: string): number {
  const seconds = BigInt.asIntN(64, r.u64leBig(field));
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER) || seconds < BigInt(Number.MIN_SAFE_INTEGER))
    throw r.fault('erofs.inode', field, `${seconds} seconds is no time`);
  return Number(seconds);
}

/** Over the rest of the superblock's block with the field itself as zero; the register is not inverted at the end. */
function verifyChecksum(source: Source, blockSizeBytes: number, checksum: number): void {
  const length = blockSizeBytes > superblockOffset ? blockSizeBytes - superblockOffset : blockSizeBytes;
  const covered = Uint8Array.from(source.read(superblockOffset, length));
  covered.fill(0, 4, 8);
  const computed = ~crc32c(covered) >>> 0;
  if (computed !== checksum)
    throw new Fault(
      'erofs.checksum',
      `Cannot read erofs superblock: its crc32c is 0x${computed.toString(16)}, want 0x${checksum.toString(16)}`,
      { where: `erofs superblock at byte ${superblockOffset}, field checksum` },
    );
}

function refuseUnknownFeatures(r: ByteReader, features: number): void {
  for (const [bit, name] of unsupportedIncompat)
    if (features & bit) throw r.fault('erofs.feature', 'feature_incompat', `${name} is not supported`);
  const unknown = (features & ~knownIncompat) >>> 0;
  if (unknown !== 0)
    throw r.fault('erofs.feature', 'feature_incompat', `bits 0x${unknown.toString(16)} are not supported`);
}

/** Without configurations the field holds another thing (lz4_max_distance), and lz4 is the only format. */
function availableCompressions(has: (bit: number) => boolean, algorithms: number): readonly Compression[] {
  if (!has(incompat.compressionConfigurations)) return ['lz4'];
  return compressions.filter((_, bit) => (algorithms & (1 << bit)) !== 0);
}
