import { ByteReader, Fault, type Source } from '../../core/index.ts';
import { carryChecksum } from './checksum.ts';

/** What the superblock fixes for the whole file system. */
export type Superblock = {
  readonly label: string | null;
  readonly uuid: string;
  readonly blockBytes: number;
  readonly clusterBytes: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groupCount: number;
  readonly inodeCount: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  /** Inodes below this one, but for the root, are the file system's own. */
  readonly firstInode: number;
  readonly descriptorBytes: number;
  /** Block groups from here on keep their descriptors near themselves (meta_bg), counted in blocks of descriptors. */
  readonly firstMetaGroup: number;
  readonly sparseSuper: boolean;
  /** The two groups that have copies of the superblock, where only two have (sparse_super2). */
  readonly backupGroups: readonly number[] | undefined;
  /** Whether directory entries tell the kind of what they name. */
  readonly fileTypes: boolean;
  /** Where checksums start; undefined where metadata has none. */
  readonly checksumSeed: number | undefined;
};

/** Features without which the file system cannot be read right; those that are missing here are not known to us at all. */
const incompatible: Readonly<Record<number, { readonly name: string; readonly readable: boolean }>> = {
  0x1: { name: 'compression', readable: false },
  0x2: { name: 'filetype', readable: true },
  0x4: { name: 'needs_recovery', readable: false },
  0x8: { name: 'journal_dev', readable: false },
  0x10: { name: 'meta_bg', readable: true },
  0x40: { name: 'extents', readable: true },
  0x80: { name: '64bit', readable: true },
  0x100: { name: 'mmp', readable: true },
  0x200: { name: 'flex_bg', readable: true },
  0x400: { name: 'ea_inode', readable: false },
  0x1000: { name: 'dirdata', readable: false },
  0x2000: { name: 'metadata_csum_seed', readable: true },
  0x4000: { name: 'large_dir', readable: true },
  0x8000: { name: 'inline_data', readable: true },
  0x10000: { name: 'encrypt', readable: false },
  0x20000: { name: 'casefold', readable: false },
};

const feature = { metaBg: 0x10, is64bit: 0x80, fileType: 0x2, checksumSeed: 0x2000, needsRecovery: 0x4 } as const;
const readOnlyFeature = { sparseSuper: 0x1, bigalloc: 0x200, metadataChecksum: 0x400 } as const;
const compatibleFeature = { sparseSuper2: 0x200 } as const;

/**
 * Reads the superblock, "The Super Block" of the kernel's ext4 documentation. ext2 and ext3 are ext4 with fewer features.
 * Faults: ext4.magic, ext4.geometry, ext4.checksum, ext4.needs-recovery, ext4.feature, source.range.
 */
export function readSuperblock(source: Source): Superblock {
  if (source.sizeBytes < 2048) throw notExt4(source);
  const bytes = source.read(1024, 1024);
  const r = new ByteReader(bytes, 'ext4 superblock', 1024);
  const at = (position: number, field: string) => r.seek(position, field);

  at(0x38, 's_magic');
  if (r.u16le('s_magic') !== 0xef53) throw notExt4(source);
  const state = r.u16le('s_state');
  at(0x4c, 's_rev_level');
  const dynamic = r.u32le('s_rev_level') >= 1;
  at(0x5c, 's_feature_compat');
  const compatible = dynamic ? r.u32le('s_feature_compat') : 0;
  at(0x60, 's_feature_incompat');
  const features = dynamic ? r.u32le('s_feature_incompat') : 0;
  at(0x64, 's_feature_ro_compat');
  const readOnlyFeatures = dynamic ? r.u32le('s_feature_ro_compat') : 0;
  refuseFeatures(features, state, source);

  const uuid = bytes.subarray(0x68, 0x78);
  const checksumSeed =
    readOnlyFeatures & readOnlyFeature.metadataChecksum
      ? verifyChecksum(r, bytes, (features & feature.checksumSeed) !== 0)
      : undefined;

  at(0, 's_inodes_count');
  const inodeCount = r.u32le('s_inodes_count');
  const blocksLow = r.u32le('s_blocks_count_lo');
  at(0x150, 's_blocks_count_hi');
  const blockCount = blocksLow + (features & feature.is64bit ? r.u32le('s_blocks_count_hi') * 2 ** 32 : 0);
  at(0x14, 's_first_data_block');
  const firstDataBlock = r.u32le('s_first_data_block');
  const logBlock = r.u32le('s_log_block_size');
  if (logBlock > 6) throw r.fault('ext4.geometry', 's_log_block_size', `${logBlock}, want at most 6`);
  const blockBytes = 1024 << logBlock;
  const logCluster = r.u32le('s_log_cluster_size');
  const bigalloc = (readOnlyFeatures & readOnlyFeature.bigalloc) !== 0;
  if (bigalloc && (logCluster < logBlock || logCluster > 20))
    throw r.fault('ext4.geometry', 's_log_cluster_size', `${logCluster}, want ${logBlock} to 20`);
  const clusterBytes = bigalloc ? 1024 << logCluster : blockBytes;
  if (firstDataBlock > 1 || (firstDataBlock === 1 && blockBytes > 1024))
    throw r.fault('ext4.geometry', 's_first_data_block', `${firstDataBlock}`);
  const sizeBytes = blockCount * blockBytes;
  if (blockCount <= firstDataBlock + 1 || !Number.isSafeInteger(sizeBytes) || sizeBytes > source.sizeBytes)
    throw r.fault('ext4.geometry', 's_blocks_count', `${sizeBytes} bytes, have ${source.sizeBytes}`);

  const blocksPerGroup = r.u32le('s_blocks_per_group');
  if (blocksPerGroup < 8 || blocksPerGroup > clusterBytes * 8 * (clusterBytes / blockBytes))
    throw r.fault('ext4.geometry', 's_blocks_per_group', `${blocksPerGroup}`);
  at(0x28, 's_inodes_per_group');
  const inodesPerGroup = r.u32le('s_inodes_per_group');
  if (inodesPerGroup < 1 || inodesPerGroup > blockBytes * 8)
    throw r.fault('ext4.geometry', 's_inodes_per_group', `${inodesPerGroup}`);
  const groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup);
  if (inodeCount > groupCount * inodesPerGroup)
    throw r.fault('ext4.geometry', 's_inodes_count', `${inodeCount}, more than the groups have`);

  at(0x54, 's_first_ino');
  const firstInode = dynamic ? r.u32le('s_first_ino') : 11;
  at(0x58, 's_inode_size');
  const inodeBytes = dynamic ? r.u16le('s_inode_size') : 128;
  if (!isPowerOfTwo(inodeBytes) || inodeBytes < 128 || inodeBytes > blockBytes)
    throw r.fault('ext4.geometry', 's_inode_size', `${inodeBytes}, want a power of two from 128 to ${blockBytes}`);
  at(0xfe, 's_desc_size');
  const descriptorBytes = features & feature.is64bit ? r.u16le('s_desc_size') : 32;
  if (
    !isPowerOfTwo(descriptorBytes) ||
    descriptorBytes < (features & feature.is64bit ? 64 : 32) ||
    descriptorBytes > 1024
  )
    throw r.fault('ext4.geometry', 's_desc_size', `${descriptorBytes}`);
  at(0x104, 's_first_meta_bg');
  const firstMetaGroup = features & feature.metaBg ? r.u32le('s_first_meta_bg') : Number.POSITIVE_INFINITY;
  at(0x24c, 's_backup_bgs');
  const backups = [r.u32le('s_backup_bgs'), r.u32le('s_backup_bgs')];

  return {
    label: decodeLabel(bytes.subarray(0x78, 0x88)),
    uuid: formatUuid(uuid),
    blockBytes,
    clusterBytes,
    blockCount,
    firstDataBlock,
    blocksPerGroup,
    groupCount,
    inodeCount,
    inodesPerGroup,
    inodeBytes,
    firstInode,
    descriptorBytes,
    firstMetaGroup,
    sparseSuper: (readOnlyFeatures & readOnlyFeature.sparseSuper) !== 0,
    backupGroups: compatible & compatibleFeature.sparseSuper2 ? backups : undefined,
    fileTypes: (features & feature.fileType) !== 0,
    checksumSeed,
  };
}

function refuseFeatures(features: number, state: number, source: Source): void {
  // Without a journal, a file system that is in use loses its mark of validity.
  if (features & feature.needsRecovery || (state & 1) === 0)
    throw new Fault(
      'ext4.needs-recovery',
      `Cannot read ${source.name}: the file system was not unmounted cleanly, its journal or e2fsck would change it`,
      { where: source.name, next: 'Run e2fsck -p on a copy, or take the image before its first boot' },
    );
  for (let bit = 1; bit < 2 ** 31; bit *= 2) {
    if ((features & bit) === 0) continue;
    const known = incompatible[bit];
    if (known?.readable === true) continue;
    const name = known?.name ?? `0x${bit.toString(16)}`;
    throw new Fault('ext4.feature', `Cannot read ${source.name}: the ext4 feature ${name} is not supported`, {
      where: source.name,
      next: `Make the file system without it: mkfs.ext4 -O ^${name}`,
    });
  }
  if (features >= 2 ** 31)
    throw new Fault('ext4.feature', `Cannot read ${source.name}: the ext4 feature 0x80000000 is not supported`);
}

/** Verifies the superblock's own checksum and returns the seed of all others. */
function verifyChecksum(r: ByteReader, bytes: Uint8Array, storedSeed: boolean): number {
  r.seek(0x175, 's_checksum_type');
  const type = r.u8('s_checksum_type');
  if (type !== 1) throw r.fault('ext4.feature', 's_checksum_type', `${type}, want 1 (crc32c)`);
  r.seek(0x3fc, 's_checksum');
  const stored = r.u32le('s_checksum');
  if (stored !== carryChecksum(0xffffffff, bytes.subarray(0, 0x3fc)))
    throw r.fault('ext4.checksum', 's_checksum', 'does not match the superblock');
  r.seek(0x270, 's_checksum_seed');
  return storedSeed ? r.u32le('s_checksum_seed') : carryChecksum(0xffffffff, bytes.subarray(0x68, 0x78));
}

function notExt4(source: Source): Fault {
  return new Fault('ext4.magic', `Cannot open ${source.name} as ext4: no superblock`, { where: source.name });
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

function decodeLabel(field: Uint8Array): string | null {
  const text = Buffer.from(field).toString('utf8').replace(/\0.*$/s, '');
  // eslint-disable-next-line no-control-regex
  return text === '' || /[\0-\x1f\x7f]/.test(text) ? null : text;
}

function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
