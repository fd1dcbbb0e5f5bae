import { ByteReader, decodeFileName, limits } from '../../core/index.ts';
import type { NodeKind, TreeEntry } from '../file-tree/index.ts';
import type { ContentReader } from './content.ts';
import { contentFault, type Inode, readInode } from './inode.ts';
import type { Volume } from './volume.ts';

const direntBytes = 12;
const nameBytes = 255;

/** `file_type` of a directory entry, as in other Linux file systems. */
const fileTypes: readonly (NodeKind | undefined)[] = [
  undefined,
  'file',
  'directory',
  'character-device',
  'block-device',
  'fifo',
  'socket',
  'symlink',
];

/**
 * The entries of a directory. Each block has its entries first and their names behind them. The kernel finds a name by
 * binary search, so names in another order would be listed but not found, or the other way round: refused, as are names
 * given twice. Faults: erofs.directory, limit.directory-entries, and those of inodes and content.
 */
export function readDirectory(volume: Volume, content: ContentReader, directory: Inode): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  const block = volume.superblock.blockSizeBytes;
  let previous: Uint8Array | undefined;
  let count = 0;
  for (let start = 0; start < directory.contentBytes; start += block) {
    const bytes = content.readRange(directory, start, Math.min(start + block, directory.contentBytes));
    for (const { nid, type, name } of blockEntries(bytes, `erofs directory ${directory.id}, block ${start / block}`)) {
      if (++count > limits.directoryEntries)
        throw contentFault('limit.directory-entries', directory, `more than ${limits.directoryEntries} names`);
      const text = decodeFileName(name);
      if (previous !== undefined && Buffer.compare(previous, name) >= 0)
        throw contentFault('erofs.directory', directory, `name ${JSON.stringify(text)} is not after the one before it`);
      previous = name;
      if (text === '.' || text === '..') continue;
      const node = readInode(volume, nid);
      if (fileTypes[type] !== node.kind)
        throw contentFault(
          'erofs.directory',
          directory,
          `file type ${type} for ${JSON.stringify(text)}, a ${node.kind}`,
        );
      entries.push({ name: text, node });
    }
  }
  return entries;
}

type RawEntry = { readonly nid: number; readonly type: number; readonly name: Uint8Array };

function* blockEntries(bytes: Uint8Array, record: string): Generator<RawEntry> {
  const r = new ByteReader(bytes, record);
  r.seek(8, 'nameoff');
  const namesAt = r.u16le('nameoff');
  if (namesAt === 0 || namesAt % direntBytes !== 0 || namesAt > bytes.length)
    throw r.fault('erofs.directory', 'nameoff', `the first name is at ${namesAt}`);
  const count = namesAt / direntBytes;
  for (let i = 0; i < count; i++) {
    r.seek(i * direntBytes, 'dirent');
    const nid = r.u64le('nid');
    const start = r.u16le('nameoff');
    const type = r.u8('file_type');
    r.skip(1, 'reserved');
    const end = i + 1 < count ? nextNameOffset(r) : paddedEnd(bytes, start);
    if (start < namesAt || end <= start || end > bytes.length || end - start > nameBytes)
      throw r.fault('erofs.directory', 'nameoff', `a name from ${start} to ${end}`);
    const name = bytes.subarray(start, end);
    if (name.includes(0) || name.includes(0x2f))
      throw r.fault('erofs.directory', 'name', `${JSON.stringify(decodeFileName(name))} holds a NUL or a slash`);
    yield { nid, type, name };
  }
}

function nextNameOffset(r: ByteReader): number {
  r.skip(8, 'nid');
  return r.u16le('nameoff');
}

/** The last name of a block ends with the block or at the first NUL. */
function paddedEnd(bytes: Uint8Array, start: number): number {
  const zero = bytes.indexOf(0, start);
  return zero < 0 ? bytes.length : zero;
}
