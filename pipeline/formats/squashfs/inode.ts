import { ByteReader, decodeFileName, Fault, limits } from '../../core/index.ts';
import type { TreeNode } from '../file-tree/index.ts';
import { fileTypeBits, inodeTypes } from './inode-types.ts';
import { metadataBlockBytes, type MetadataPlace, type MetadataReader } from './metadata.ts';
import type { Superblock } from './superblock.ts';

/** Where a regular file's content is. */
export type FileContent = {
  readonly sizeBytes: number;
  readonly firstBlock: number;
  /** Where the list of block sizes is, and how many there are. */
  readonly blockList: MetadataPlace;
  readonly blockCount: number;
  /** The block of tail ends that holds the file's last bytes, null where the blocks hold them all. */
  readonly tail: { readonly fragment: number; readonly offset: number; readonly sizeBytes: number } | null;
};

/** Where a directory's entries are, and where the index of an extended directory is. */
export type DirectoryListing = {
  readonly place: MetadataPlace;
  readonly sizeBytes: number;
  readonly index: { readonly place: MetadataPlace; readonly count: number } | null;
};

/** One inode: the node that callers see, and where to find what belongs to it. */
export type Inode = {
  readonly node: TreeNode;
  /** The number of its attributes in the xattr table, null where it has none. */
  readonly xattr: number | null;
  readonly content?: FileContent;
  readonly listing?: DirectoryListing;
  readonly target?: string;
};

/** "No number" for fragments and xattrs. */
const none = 0xffff_ffff;
/** What a directory's size counts for `.` and `..`, which are not stored. */
const unstoredDirectoryBytes = 3;
/** A header and the longest name for every entry: more than any directory inside the limits has. */
const largestListingBytes = limits.directoryEntries * (12 + 8 + 256);

export type InodeTable = {
  /** Reads the inode at a reference: block place relative to the table times 65536, plus offset in the block. */
  read(reference: number): Inode;
};

/** Opens the inode table. Faults of reading: squashfs.inode, squashfs.metadata, limit.file-bytes, limit.path, limit.directory-entries. */
export function openInodeTable(superblock: Superblock, metadata: MetadataReader, ids: readonly number[]): InodeTable {
  return { read: (reference) => readInode(superblock, metadata, ids, placeOf(superblock, reference)) };
}

function placeOf(superblock: Superblock, reference: number): MetadataPlace {
  const block = superblock.inodeTableStart + Math.floor(reference / 0x1_0000);
  const offset = reference % 0x1_0000;
  if (block >= superblock.directoryTableStart || offset >= metadataBlockBytes)
    throw new Fault(
      'squashfs.inode',
      `Cannot find a squashfs inode: reference 0x${reference.toString(16)} is outside the inode table`,
    );
  return { block, offset };
}

function readInode(
  superblock: Superblock,
  metadata: MetadataReader,
  ids: readonly number[],
  place: MetadataPlace,
): Inode {
  const limit = superblock.directoryTableStart;
  const number = new ByteReader(metadata.read(place, 2, limit, 'inode table'), 'squashfs inode').u16le('inode_type');
  const type = inodeTypes.get(number);
  if (type === undefined)
    throw new Fault('squashfs.inode', `Cannot read a squashfs inode: type ${number}, want 1 to 14`, {
      where: `squashfs inode table at byte ${place.block}, offset ${place.offset}`,
    });
  const { kind, extended } = type;
  const fields = new InodeFields(superblock, metadata, place, type.fixedBytes);
  const { reader } = fields;
  reader.skip(2, 'inode_type');
  const modeBits = reader.u16le('mode');
  const typeBits = modeBits & 0o170000;
  // Linux adds the type's bits to these: others would make another kind of file there than here.
  if (typeBits !== 0 && typeBits !== fileTypeBits[kind])
    throw reader.fault('squashfs.inode', 'mode', `0o${modeBits.toString(8)} for a ${kind}`);
  const common = {
    kind,
    mode: modeBits & 0o7777,
    uid: idAt(reader, ids, 'uid'),
    gid: idAt(reader, ids, 'gid'),
    modifiedAt: reader.u32le('mtime'),
    id: reader.u32le('inode_number'),
  };
  if (common.id === 0 || common.id > superblock.inodeCount)
    throw reader.fault('squashfs.inode', 'inode_number', `${common.id}, want 1 to ${superblock.inodeCount}`);

  switch (kind) {
    case 'directory':
      return readDirectory(fields, common, extended);
    case 'file':
      return readFile(fields, common, extended);
    case 'symlink':
      return readSymlink(fields, common, extended);
    case 'block-device':
    case 'character-device':
      return readDevice(fields, common, extended);
    default: {
      reader.skip(4, 'nlink');
      return { node: Object.freeze({ ...common, sizeBytes: 0 }), xattr: extended ? readXattr(reader) : null };
    }
  }
}

type CommonFields = Omit<TreeNode, 'sizeBytes' | 'device'>;

/** The bytes of one inode: a reader of the fixed fields, and what follows them. */
class InodeFields {
  readonly superblock: Superblock;
  readonly reader: ByteReader;
  readonly #metadata: MetadataReader;
  readonly #place: MetadataPlace;
  readonly #fixedBytes: number;

  constructor(superblock: Superblock, metadata: MetadataReader, place: MetadataPlace, fixedBytes: number) {
    this.superblock = superblock;
    this.#metadata = metadata;
    this.#place = place;
    this.#fixedBytes = fixedBytes;
    const bytes = metadata.read(place, fixedBytes, superblock.directoryTableStart, 'inode table');
    this.reader = new ByteReader(bytes, `squashfs inode in the block at ${place.block}`, place.offset);
  }

  /** The place that is `skip` bytes after the fixed fields. */
  following(skip = 0): MetadataPlace {
    const limit = this.superblock.directoryTableStart;
    return this.#metadata.advance(this.#place, this.#fixedBytes + skip, limit, 'inode table');
  }

  readFollowing(skip: number, length: number): Uint8Array {
    return this.#metadata.read(this.following(skip), length, this.superblock.directoryTableStart, 'inode table');
  }
}

function readDirectory(fields: InodeFields, common: CommonFields, extended: boolean): Inode {
  const { reader, superblock } = fields;
  let sizeBytes: number;
  let block: number;
  let offset: number;
  let xattr: number | null = null;
  let indexCount = 0;
  if (extended) {
    reader.skip(4, 'nlink');
    sizeBytes = reader.u32le('file_size');
    block = reader.u32le('start_block');
    reader.skip(4, 'parent_inode');
    indexCount = reader.u16le('i_count');
    offset = reader.u16le('offset');
    xattr = readXattr(reader);
  } else {
    block = reader.u32le('start_block');
    reader.skip(4, 'nlink');
    sizeBytes = reader.u16le('file_size');
    offset = reader.u16le('offset');
    reader.skip(4, 'parent_inode');
  }
  if (sizeBytes > largestListingBytes)
    throw reader.fault(
      'limit.directory-entries',
      'file_size',
      `${sizeBytes} bytes of entries, want at most ${largestListingBytes}`,
    );
  if (offset >= metadataBlockBytes)
    throw reader.fault('squashfs.inode', 'offset', `${offset}, want less than ${metadataBlockBytes}`);
  return {
    node: Object.freeze({ ...common, sizeBytes: 0 }),
    xattr,
    listing: {
      place: { block: superblock.directoryTableStart + block, offset },
      sizeBytes: Math.max(0, sizeBytes - unstoredDirectoryBytes),
      index: indexCount === 0 ? null : { place: fields.following(), count: indexCount },
    },
  };
}

function readFile(fields: InodeFields, common: CommonFields, extended: boolean): Inode {
  const { reader, superblock } = fields;
  let firstBlock: number;
  let fragment: number;
  let offset: number;
  let sizeBytes: number;
  let xattr: number | null = null;
  if (extended) {
    firstBlock = reader.u64le('start_block');
    sizeBytes = reader.u64le('file_size');
    reader.skip(8, 'sparse');
    reader.skip(4, 'nlink');
    fragment = reader.u32le('fragment');
    offset = reader.u32le('offset');
    xattr = readXattr(reader);
  } else {
    firstBlock = reader.u32le('start_block');
    fragment = reader.u32le('fragment');
    offset = reader.u32le('offset');
    sizeBytes = reader.u32le('file_size');
  }
  if (sizeBytes > limits.fileBytes)
    throw reader.fault('limit.file-bytes', 'file_size', `${sizeBytes}, want at most ${limits.fileBytes}`);
  const tailBytes = sizeBytes % superblock.blockSizeBytes;
  if (fragment !== none && (tailBytes === 0 || fragment >= superblock.fragmentCount))
    throw reader.fault(
      'squashfs.inode',
      'fragment',
      `${fragment} of ${superblock.fragmentCount} for a tail of ${tailBytes} bytes`,
    );
  const blocks = sizeBytes / superblock.blockSizeBytes;
  return {
    node: Object.freeze({ ...common, sizeBytes }),
    xattr,
    content: {
      sizeBytes,
      firstBlock,
      blockList: fields.following(),
      blockCount: fragment === none ? Math.ceil(blocks) : Math.floor(blocks),
      tail: fragment === none ? null : { fragment, offset, sizeBytes: tailBytes },
    },
  };
}

function readSymlink(fields: InodeFields, common: CommonFields, extended: boolean): Inode {
  const { reader } = fields;
  reader.skip(4, 'nlink');
  const sizeBytes = reader.u32le('symlink_size');
  if (sizeBytes > limits.pathBytes)
    throw reader.fault('limit.path', 'symlink_size', `${sizeBytes}, want at most ${limits.pathBytes}`);
  const target = fields.readFollowing(0, sizeBytes);
  // Linux ends the target at a NUL and does not follow an empty one.
  if (sizeBytes === 0 || target.includes(0))
    throw reader.fault('squashfs.inode', 'symlink', 'target is empty or has a NUL');
  const xattr = extended
    ? readXattr(new ByteReader(fields.readFollowing(sizeBytes, 4), 'squashfs symlink inode'))
    : null;
  return { node: Object.freeze({ ...common, sizeBytes }), xattr, target: decodeFileName(target) };
}

function readDevice(fields: InodeFields, common: CommonFields, extended: boolean): Inode {
  const { reader } = fields;
  reader.skip(4, 'nlink');
  const rdev = reader.u32le('rdev');
  // Linux, new_decode_dev(): the minor number surrounds the major one.
  const device = Object.freeze({ major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) });
  return {
    node: Object.freeze({ ...common, sizeBytes: 0, device }),
    xattr: extended ? readXattr(reader) : null,
  };
}

function readXattr(reader: ByteReader): number | null {
  const number = reader.u32le('xattr');
  return number === none ? null : number;
}

function idAt(reader: ByteReader, ids: readonly number[], field: string): number {
  const index = reader.u16le(field);
  const id = ids[index];
  if (id === undefined) throw reader.fault('squashfs.inode', field, `id number ${index}, the table has ${ids.length}`);
  return id;
}
