import { ByteReader, Fault, formatUuid, type Source } from '../../core/index.ts';
import { carryChecksum } from './checksum.ts';

/** What the superblock fixes for the whole file system. */
export type Superblock = BlockGeometry &
  InodeGeometry &
  DescriptorGeometry & {
    readonly label: string | null;
    readonly uuid: string;
    /** Whether directory entries tell the kind of what they name. */
    readonly fileTypes: boolean;
    /** Where checksums start; undefined where metadata has none. */
    readonly checksumSeed: number | undefined;
  };

type BlockGeometry = {
  readonly blockBytes: number;
  readonly clusterBytes: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groupCount: number;
};

type InodeGeometry = {
  readonly inodeCount: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  /** Inodes below this one, but for the root, are the file system's own. */
  readonly firstInode: number;
};

type DescriptorGeometry = {
  readonly descriptorBytes: number;
  /** Block groups from here on keep their descriptors near themselves (meta_bg), counted in blocks of descriptors. */
  readonly firstMetaGroup: number;
  readonly sparseSuper: boolean;
  /** The two groups that have copies of the superblock, where only two have (sparse_super2). */
  readonly backupGroups: readonly number[] | undefined;
};

type Features = {
  /** False for ext2's first revision, which has no features and inodes of one size. */
  readonly dynamic: boolean;
  readonly compatible: number;
  readonly incompatible: number;
  readonly readOnly: number;
};

/** Features without which the file system cannot be read right; those that are missing here are not known to us at all. */
const incompatibleFeatures: Readonly<Record<number, { readonly name: string; readonly readable: boolean }>> = {
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
  const fields = new Fields(bytes);
  if (fields.u16(0x38, 's_magic') !== 0xef53) throw notExt4(source);
  const features = parseFeatures(fields);
  refuseFeatures(features.incompatible, fields.u16(0x3a, 's_state'), source);
  const checksumSeed =
    features.readOnly & readOnlyFeature.metadataChecksum
      ? verifyChecksum(fields, bytes, (features.incompatible & feature.checksumSeed) !== 0)
      : undefined;
  const blocks = parseBlockGeometry(fields, features, source);
  return {
    label: decodeLabel(bytes.subarray(0x78, 0x88)),
    uuid: formatUuid(bytes.subarray(0x68, 0x78)),
    ...blocks,
    ...parseInodeGeometry(fields, features, blocks),
    ...parseDescriptorGeometry(fields, features),
    fileTypes: (features.incompatible & feature.fileType) !== 0,
    checksumSeed,
  };
}

/** The superblock's fields by their place. */
class Fields {
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes, 'ext4 superblock', 1024);
  }

  u8(at: number, field: string): number {
    this.#reader.seek(at, field);
    return this.#reader.u8(field);
  }

  u16(at: number, field: string): number {
    this.#reader.seek(at, field);
    return this.#reader.u16le(field);
  }

  u32(at: number, field: string): number {
    this.#reader.seek(at, field);
    return this.#reader.u32le(field);
  }

  require(holds: boolean, field: string, problem: string): void {
    if (!holds) throw this.#reader.fault('ext4.geometry', field, problem);
  }

  fault(code: `ext4.${string}`, field: string, problem: string): Fault {
    return this.#reader.fault(code, field, problem);
  }
}

function parseFeatures(fields: Fields): Features {
  const dynamic = fields.u32(0x4c, 's_rev_level') >= 1;
  return {
    dynamic,
    compatible: dynamic ? fields.u32(0x5c, 's_feature_compat') : 0,
    incompatible: dynamic ? fields.u32(0x60, 's_feature_incompat') : 0,
    readOnly: dynamic ? fields.u32(0x64, 's_feature_ro_compat') : 0,
  };
}

function parseBlockGeometry(fields: Fields, features: Features, source: Source): BlockGeometry {
  const logBlock = fields.u32(0x18, 's_log_block_size');
  fields.require(logBlock <= 6, 's_log_block_size', `${logBlock}, want at most 6`);
  const blockBytes = 1024 << logBlock;
  const clusterBytes = features.readOnly & readOnlyFeature.bigalloc ? parseClusterBytes(fields, logBlock) : blockBytes;

  const firstDataBlock = fields.u32(0x14, 's_first_data_block');
  fields.require(firstDataBlock <= (blockBytes === 1024 ? 1 : 0), 's_first_data_block', `${firstDataBlock}`);
  const high = features.incompatible & feature.is64bit ? fields.u32(0x150, 's_blocks_count_hi') : 0;
  const blockCount = fields.u32(0x04, 's_blocks_count_lo') + high * 2 ** 32;
  const sizeBytes = blockCount * blockBytes;
  fields.require(
    blockCount > firstDataBlock + 1 && sizeBytes <= source.sizeBytes,
    's_blocks_count',
    `${sizeBytes} bytes, have ${source.sizeBytes}`,
  );

  // One block of bitmap stands for the clusters of a group.
  const blocksPerGroup = fields.u32(0x20, 's_blocks_per_group');
  const most = blockBytes * 8 * (clusterBytes / blockBytes);
  fields.require(
    blocksPerGroup >= 8 && blocksPerGroup <= most,
    's_blocks_per_group',
    `${blocksPerGroup}, want 8 to ${most}`,
  );
  const groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup);
  return { blockBytes, clusterBytes, blockCount, firstDataBlock, blocksPerGroup, groupCount };
}

function parseClusterBytes(fields: Fields, logBlock: number): number {
  const logCluster = fields.u32(0x1c, 's_log_cluster_size');
  fields.require(
    logCluster >= logBlock && logCluster <= 20,
    's_log_cluster_size',
    `${logCluster}, want ${logBlock} to 20`,
  );
  return 1024 << logCluster;
}

function parseInodeGeometry(fields: Fields, { dynamic }: Features, blocks: BlockGeometry): InodeGeometry {
  const inodesPerGroup = fields.u32(0x28, 's_inodes_per_group');
  const most = blocks.blockBytes * 8;
  fields.require(
    inodesPerGroup >= 1 && inodesPerGroup <= most,
    's_inodes_per_group',
    `${inodesPerGroup}, want 1 to ${most}`,
  );
  const inodeCount = fields.u32(0x00, 's_inodes_count');
  const room = blocks.groupCount * inodesPerGroup;
  fields.require(inodeCount <= room, 's_inodes_count', `${inodeCount}, want at most the ${room} of all groups`);
  const inodeBytes = dynamic ? fields.u16(0x58, 's_inode_size') : 128;
  fields.require(
    isPowerOfTwo(inodeBytes) && inodeBytes >= 128 && inodeBytes <= blocks.blockBytes,
    's_inode_size',
    `${inodeBytes}, want a power of two from 128 to ${blocks.blockBytes}`,
  );
  const firstInode = dynamic ? fields.u32(0x54, 's_first_ino') : 11;
  fields.require(firstInode >= 11, 's_first_ino', `${firstInode}, want at least 11`);
  return { inodeCount, inodesPerGroup, inodeBytes, firstInode };
}

function parseDescriptorGeometry(fields: Fields, features: Features): DescriptorGeometry {
  const is64bit = (features.incompatible & feature.is64bit) !== 0;
  const descriptorBytes = is64bit ? fields.u16(0xfe, 's_desc_size') : 32;
  fields.require(
    isPowerOfTwo(descriptorBytes) && descriptorBytes >= (is64bit ? 64 : 32) && descriptorBytes <= 1024,
    's_desc_size',
    `${descriptorBytes}, want a power of two from 64 to 1024`,
  );
  return {
    descriptorBytes,
    firstMetaGroup:
      features.incompatible & feature.metaBg ? fields.u32(0x104, 's_first_meta_bg') : Number.POSITIVE_INFINITY,
    sparseSuper: (features.readOnly & readOnlyFeature.sparseSuper) !== 0,
    backupGroups:
      features.compatible & compatibleFeature.sparseSuper2
        ? [fields.u32(0x24c, 's_backup_bgs'), fields.u32(0x250, 's_backup_bgs')]
        : undefined,
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
    const known = incompatibleFeatures[bit];
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
function verifyChecksum(fields: Fields, bytes: Uint8Array, storedSeed: boolean): number {
  const type = fields.u8(0x175, 's_checksum_type');
  if (type !== 1) throw fields.fault('ext4.feature', 's_checksum_type', `${type}, want 1 (crc32c)`);
  if (fields.u32(0x3fc, 's_checksum') !== carryChecksum(0xffffffff, bytes.subarray(0, 0x3fc)))
    throw fields.fault('ext4.checksum', 's_checksum', 'does not match the superblock');
  return storedSeed ? fields.u32(0x270, 's_checksum_seed') : carryChecksum(0xffffffff, bytes.subarray(0x68, 0x78));
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
