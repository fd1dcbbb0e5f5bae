import { ByteReader, Fault, limits, type Source } from '../../core/index.ts';

export type SquashfsCompressor = 'gzip' | 'lzo' | 'xz' | 'lz4' | 'zstd';

/** The superblock of squashfs 4.0, checked. Places are bytes from the start of the image; null where a table is absent. */
export type Superblock = {
  readonly inodeCount: number;
  readonly modifiedAt: number;
  readonly blockSizeBytes: number;
  readonly fragmentCount: number;
  readonly compressor: SquashfsCompressor;
  readonly hasCompressorOptions: boolean;
  readonly idCount: number;
  /** A reference to the root directory's inode. */
  readonly rootInode: number;
  /** Bytes of the image; what a device or file has beyond them is padding. */
  readonly bytesUsed: number;
  readonly idTableStart: number;
  readonly xattrTableStart: number | null;
  readonly inodeTableStart: number;
  readonly directoryTableStart: number;
  /** Where the directory table ends at the latest: at the first block of whichever table is next. */
  readonly directoryTableLimit: number;
  readonly fragmentTableStart: number | null;
};

export const superblockBytes = 96;
const magic = 0x73717368;
const absent = 0xffff_ffff_ffff_ffffn;

const compressors: ReadonlyMap<number, SquashfsCompressor | 'lzma'> = new Map([
  [1, 'gzip'],
  [2, 'lzma'],
  [3, 'lzo'],
  [4, 'xz'],
  [5, 'lz4'],
  [6, 'zstd'],
]);

/**
 * Flags that squashfs 4.0 knows; 0x0004 (check data) is reserved and was never written by 4.0. Those that speak of
 * fragments, raw blocks and xattrs repeat what blocks and tables say themselves, and Linux does not look at them either.
 */
const flags = { compressorOptions: 0x0400, known: 0x0ffb } as const;

/** Reads and checks the superblock. Faults: squashfs.magic, squashfs.version, squashfs.compressor, squashfs.superblock, limit.*. */
export function readSuperblock(source: Source): Superblock {
  if (source.sizeBytes < superblockBytes)
    throw new Fault(
      'squashfs.magic',
      `Cannot read squashfs: ${source.sizeBytes} bytes, want a superblock of ${superblockBytes}`,
      { where: source.name },
    );
  const reader = new ByteReader(source.read(0, superblockBytes), 'squashfs superblock');
  if (reader.u32le('magic') !== magic) throw reader.fault('squashfs.magic', 'magic', 'not "hsqs"');
  const inodeCount = reader.u32le('inode_count');
  const modifiedAt = reader.u32le('mkfs_time');
  const blockSizeBytes = reader.u32le('block_size');
  const fragmentCount = reader.u32le('fragments');
  const compressorId = reader.u16le('compression');
  const blockLog = reader.u16le('block_log');
  const flagBits = reader.u16le('flags');
  const idCount = reader.u16le('no_ids');
  const version = `${reader.u16le('s_major')}.${reader.u16le('s_minor')}`;
  if (version !== '4.0') throw reader.fault('squashfs.version', 's_major', `version ${version}, want 4.0`);
  const compressor = checkCompressor(reader, compressorId);
  checkCounts(reader, { inodeCount, fragmentCount, idCount });
  if (blockLog < 12 || blockLog > 20 || blockSizeBytes !== 2 ** blockLog)
    throw reader.fault(
      'squashfs.superblock',
      'block_size',
      `${blockSizeBytes} with block_log ${blockLog}, want 2^block_log from 4096 to 1048576`,
    );
  if ((flagBits & ~flags.known) !== 0)
    throw reader.fault('squashfs.superblock', 'flags', `unknown flags 0x${flagBits.toString(16)}`);

  const rootInode = reader.u64le('root_inode');
  const bytesUsed = reader.u64le('bytes_used');
  if (bytesUsed < superblockBytes || bytesUsed > source.sizeBytes)
    throw reader.fault(
      'squashfs.truncated',
      'bytes_used',
      `the image claims ${bytesUsed} bytes, ${source.name} has ${source.sizeBytes}`,
    );
  const idTableStart = reader.u64le('id_table_start');
  const xattrTableStart = optionalPlace(reader, 'xattr_id_table_start');
  const inodeTableStart = reader.u64le('inode_table_start');
  const directoryTableStart = reader.u64le('directory_table_start');
  const fragmentTableStart = optionalPlace(reader, 'fragment_table_start');
  const exportTableStart = optionalPlace(reader, 'lookup_table_start');
  reader.end();
  if (fragmentCount > 0 && fragmentTableStart === null)
    throw reader.fault('squashfs.superblock', 'fragment_table_start', `absent, with ${fragmentCount} fragments`);

  // The tables stand in this order (squashfs documentation, §3); mksquashfs writes it and the kernel relies on it.
  const places: readonly (readonly [string, number | null])[] = [
    ['inode_table_start', inodeTableStart],
    ['directory_table_start', directoryTableStart],
    ['fragment_table_start', fragmentCount > 0 ? fragmentTableStart : null],
    ['lookup_table_start', exportTableStart],
    ['id_table_start', idTableStart],
    ['xattr_id_table_start', xattrTableStart],
  ];
  checkOrder(reader, places, bytesUsed);
  return Object.freeze({
    inodeCount,
    modifiedAt,
    blockSizeBytes,
    fragmentCount,
    compressor,
    hasCompressorOptions: (flagBits & flags.compressorOptions) !== 0,
    idCount,
    rootInode,
    bytesUsed,
    idTableStart,
    xattrTableStart,
    inodeTableStart,
    directoryTableStart,
    directoryTableLimit: (fragmentCount > 0 ? fragmentTableStart : exportTableStart) ?? idTableStart,
    fragmentTableStart: fragmentCount > 0 ? fragmentTableStart : null,
  });
}

function checkCompressor(reader: ByteReader, id: number): SquashfsCompressor {
  const name = compressors.get(id);
  if (name === undefined) throw reader.fault('squashfs.compressor', 'compression', `unknown compressor ${id}`);
  // Linux cannot read these either.
  if (name === 'lzma')
    throw new Fault(
      'squashfs.compressor',
      `Cannot read squashfs: it is compressed with lzma, want gzip, zstd, xz, lz4 or lzo`,
      { where: 'squashfs superblock, field compression', next: 'Make the image again with mksquashfs -comp zstd' },
    );
  return name;
}

function checkCounts(
  reader: ByteReader,
  counts: { readonly inodeCount: number; readonly fragmentCount: number; readonly idCount: number },
): void {
  if (counts.inodeCount > limits.treeEntries)
    throw reader.fault('limit.tree-entries', 'inode_count', `${counts.inodeCount}, want at most ${limits.treeEntries}`);
  if (counts.fragmentCount > counts.inodeCount)
    throw reader.fault(
      'squashfs.superblock',
      'fragments',
      `${counts.fragmentCount} fragments for ${counts.inodeCount} inodes`,
    );
  if (counts.idCount === 0) throw reader.fault('squashfs.superblock', 'no_ids', 'no user id, want at least one');
}

function optionalPlace(reader: ByteReader, field: string): number | null {
  const place = reader.u64leBig(field);
  if (place === absent) return null;
  if (place > BigInt(Number.MAX_SAFE_INTEGER))
    throw reader.fault('squashfs.superblock', field, `${place} is no place in any image`);
  return Number(place);
}

function checkOrder(
  reader: ByteReader,
  places: readonly (readonly [string, number | null])[],
  bytesUsed: number,
): void {
  let floor = superblockBytes;
  for (const [field, place] of places) {
    if (place === null) continue;
    if (place < floor || place >= bytesUsed)
      throw reader.fault('squashfs.superblock', field, `${place}, want at least ${floor} and below ${bytesUsed}`);
    floor = place + 1;
  }
}
