import { ByteReader, decodeFileName, limits } from '../../core/index.ts';
import type { NodeKind } from '../file-tree/index.ts';
import type { DirectoryListing } from './inode.ts';
import { kindOfType } from './inode-types.ts';
import type { MetadataReader } from './metadata.ts';
import type { Superblock } from './superblock.ts';

/** One entry as it is stored: it refers to an inode, and repeats two of its facts. */
export type DirectoryEntry = {
  readonly name: string;
  readonly reference: number;
  readonly inodeNumber: number;
  readonly kind: NodeKind;
};

const headerBytes = 12;
const entriesPerHeader = 256;
const slash = 0x2f;

/**
 * Reads the entries of a directory: runs of at most 256, each behind a header with what they share (squashfs
 * documentation, §3.4). Linux searches a name by the order and by the index, so both must be true: otherwise a name
 * that is listed here could be absent there, or the other way round.
 *
 * Faults: squashfs.directory, limit.directory-entries, squashfs.metadata.
 */
export function readDirectory(
  superblock: Superblock,
  metadata: MetadataReader,
  listing: DirectoryListing,
): readonly DirectoryEntry[] {
  if (listing.sizeBytes === 0) return [];
  const bytes = metadata.read(listing.place, listing.sizeBytes, superblock.directoryTableLimit, 'directory table');
  const reader = new ByteReader(bytes, 'squashfs directory');
  const entries: DirectoryEntry[] = [];
  const runs = new Map<number, Uint8Array>();
  let previous: Uint8Array | undefined;
  while (reader.remaining > 0) {
    const runAt = reader.position;
    const count = reader.u32le('count') + 1;
    const block = reader.u32le('start_block');
    const baseNumber = reader.u32le('inode_number');
    if (count > entriesPerHeader)
      throw reader.fault('squashfs.directory', 'count', `${count} entries, want at most ${entriesPerHeader}`);
    if (entries.length + count > limits.directoryEntries)
      throw reader.fault('limit.directory-entries', 'count', `want at most ${limits.directoryEntries} entries`);
    for (let left = count; left > 0; left--) {
      const offset = reader.u16le('offset');
      const inodeNumber = baseNumber + signed16(reader.u16le('inode_number'));
      const kind = kindOfType(reader.u16le('type'));
      if (kind === undefined) throw reader.fault('squashfs.directory', 'type', 'want a basic type, 1 to 7');
      const name = reader.bytes(reader.u16le('name_size') + 1, 'name');
      checkName(reader, name, previous);
      previous = name;
      if (left === count) runs.set(runAt, name);
      entries.push({
        name: decodeFileName(name),
        reference: block * 0x1_0000 + offset,
        inodeNumber,
        kind,
      });
    }
  }
  checkIndex(superblock, metadata, listing, runs);
  return entries;
}

/** Names are plain and ascend byte by byte, so that none comes twice. */
function checkName(reader: ByteReader, name: Uint8Array, previous: Uint8Array | undefined): void {
  if (name.byteLength > 256)
    throw reader.fault('squashfs.directory', 'name_size', `${name.byteLength}, want at most 256`);
  const text = decodeFileName(name);
  if (text === '.' || text === '..' || name.includes(0) || name.includes(slash))
    throw reader.fault('squashfs.directory', 'name', `${JSON.stringify(text)} is no name of a file`);
  if (previous !== undefined && Buffer.compare(previous, name) >= 0)
    throw reader.fault(
      'squashfs.directory',
      'name',
      `${JSON.stringify(text)} stands after ${JSON.stringify(decodeFileName(previous))}, want each name once and in order`,
    );
}

/** Every index entry points at the header of a run and repeats the name that the run begins with. */
function checkIndex(
  superblock: Superblock,
  metadata: MetadataReader,
  listing: DirectoryListing,
  runs: ReadonlyMap<number, Uint8Array>,
): void {
  if (listing.index === null) return;
  const limit = superblock.directoryTableStart;
  let { place } = listing.index;
  for (let left = listing.index.count; left > 0; left--) {
    const reader = new ByteReader(
      metadata.read(place, headerBytes, limit, 'directory index'),
      'squashfs directory index',
    );
    const runAt = reader.u32le('index');
    const block = superblock.directoryTableStart + reader.u32le('start_block');
    const nameBytes = reader.u32le('size') + 1;
    const name = runs.get(runAt);
    if (name === undefined || nameBytes !== name.byteLength)
      throw reader.fault('squashfs.directory', 'index', `no run of ${nameBytes} bytes of name at byte ${runAt}`);
    const stored = metadata.read(
      metadata.advance(place, headerBytes, limit, 'directory index'),
      nameBytes,
      limit,
      'directory index',
    );
    const run = metadata.advance(listing.place, runAt, superblock.directoryTableLimit, 'directory table');
    if (Buffer.compare(stored, name) !== 0 || run.block !== block)
      throw reader.fault('squashfs.directory', 'index', `the entry for byte ${runAt} does not match the run there`);
    place = metadata.advance(place, headerBytes + nameBytes, limit, 'directory index');
  }
}

function signed16(value: number): number {
  return value < 0x8000 ? value : value - 0x1_0000;
}
