import { Fault } from '../../core/index.ts';
import type { Inode } from './inode.ts';
import type { Volume } from './volume.ts';

/** Neighbouring blocks of a file that hold its content; between two runs are zeros. */
export type Run = { readonly logical: number; readonly physical: number; readonly count: number };

/** The runs of a file's first blocks, in order. Faults: ext4.extent, ext4.checksum, ext4.block. */
export function runsOf(volume: Volume, inode: Inode, blocks: number): Iterable<Run> {
  return inode.extents ? extentRuns(volume, inode, blocks) : joinRuns(mappedRuns(volume, inode, blocks));
}

const maximumDepth = 5;
const headerBytes = 12;
const entryBytes = 12;
const uninitialised = 32768;

/** "Extent Tree". Logical blocks must ascend all the way, so that a tree that shares or repeats nodes is refused. */
function* extentRuns(volume: Volume, inode: Inode, blocks: number): Generator<Run> {
  let reached = 0;
  for (const extent of extentsBelow(volume, inode, inode.block, undefined)) {
    if (extent.logical < reached) throw extentFault(inode, `logical block ${extent.logical} after ${reached - 1}`);
    if (extent.logical >= blocks) return;
    reached = extent.logical + extent.count;
    // What was allocated and never written reads as zeros.
    if (extent.physical !== undefined)
      yield {
        logical: extent.logical,
        physical: extent.physical,
        count: Math.min(extent.count, blocks - extent.logical),
      };
  }
}

type Extent = { readonly logical: number; readonly physical: number | undefined; readonly count: number };

function* extentsBelow(
  volume: Volume,
  inode: Inode,
  node: Buffer,
  wantedDepth: number | undefined,
  from = 0,
  before = 2 ** 32,
): Generator<Extent> {
  const { entries, depth } = parseHeader(inode, node, wantedDepth);
  // Every node but the root leads to an extent: else a few empty blocks could be visited millions of times.
  if (entries === 0 && (wantedDepth !== undefined || depth > 0)) throw extentFault(inode, 'a node without entries');
  let least = from;
  for (let index = 0; index < entries; index++) {
    const at = headerBytes + index * entryBytes;
    const logical = node.readUInt32LE(at);
    if (logical < least || logical >= before)
      throw extentFault(inode, `logical block ${logical}, want ${least} to ${before - 1}`);
    least = logical + 1;
    if (depth === 0) {
      const length = node.readUInt16LE(at + 4);
      const physical = node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8);
      const written = length <= uninitialised;
      const count = written ? length : length - uninitialised;
      if (count === 0) throw extentFault(inode, 'an extent of no blocks');
      yield { logical, physical: written ? physical : undefined, count };
    } else {
      const child = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
      const next = index + 1 < entries ? node.readUInt32LE(at + entryBytes) : before;
      const bytes = readExtentBlock(volume, inode, child);
      yield* extentsBelow(volume, inode, bytes, depth - 1, logical, Math.min(next, before));
    }
  }
}

function parseHeader(inode: Inode, node: Buffer, wantedDepth: number | undefined): { entries: number; depth: number } {
  const magic = node.readUInt16LE(0);
  const entries = node.readUInt16LE(2);
  const maximum = node.readUInt16LE(4);
  const depth = node.readUInt16LE(6);
  if (magic !== 0xf30a) throw extentFault(inode, `magic 0x${magic.toString(16)}, want 0xf30a`);
  if (depth > maximumDepth || (wantedDepth !== undefined && depth !== wantedDepth))
    throw extentFault(inode, `depth ${depth}, want ${wantedDepth ?? `at most ${maximumDepth}`}`);
  if (entries > maximum || headerBytes + maximum * entryBytes > node.byteLength)
    throw extentFault(inode, `${entries} entries of ${maximum} in ${node.byteLength} bytes`);
  return { entries, depth };
}

function readExtentBlock(volume: Volume, inode: Inode, block: number): Buffer {
  const what = `an extent block of inode ${inode.node.id}`;
  const bytes = volume.readBlock(block, what);
  if (inode.checksumSeed === undefined) return bytes;
  // The checksum stands behind the last entry that there is room for.
  const tail = headerBytes + bytes.readUInt16LE(4) * entryBytes;
  if (tail + 4 > bytes.byteLength) throw extentFault(inode, 'no room for the checksum');
  volume.verifyChecksum(inode.checksumSeed, bytes.subarray(0, tail), bytes.readUInt32LE(tail), what);
  return bytes;
}

function extentFault(inode: Inode, problem: string): Fault {
  return new Fault('ext4.extent', `Cannot read the extents of inode ${inode.node.id}: ${problem}`);
}

/** "Direct/Indirect Block Addressing" of ext2 and ext3: twelve blocks, then trees of one, two and three levels. */
function* mappedRuns(volume: Volume, inode: Inode, blocks: number): Generator<Run> {
  const perBlock = volume.superblock.blockBytes / 4;
  let logical = 0;
  for (let slot = 0; slot < 15 && logical < blocks; slot++) {
    const level = Math.max(0, slot - 11);
    const pointer = inode.block.readUInt32LE(slot * 4);
    if (pointer !== 0) yield* mappedBelow(volume, inode, pointer, level, logical, blocks);
    logical += perBlock ** level;
  }
  if (logical < blocks)
    throw new Fault('ext4.block', `Cannot read inode ${inode.node.id}: more blocks than a block map can hold`);
}

function* mappedBelow(
  volume: Volume,
  inode: Inode,
  block: number,
  level: number,
  logical: number,
  blocks: number,
): Generator<Run> {
  if (level === 0) {
    yield { logical, physical: block, count: 1 };
    return;
  }
  const node = volume.readBlock(block, `a block map of inode ${inode.node.id}`);
  const covered = (node.byteLength / 4) ** (level - 1);
  for (let index = 0; index < node.byteLength / 4; index++) {
    const at = logical + index * covered;
    if (at >= blocks) return;
    const pointer = node.readUInt32LE(index * 4);
    if (pointer === 0) continue;
    if (level === 1) yield { logical: at, physical: pointer, count: 1 };
    else yield* mappedBelow(volume, inode, pointer, level - 1, at, blocks);
  }
}

function* joinRuns(runs: Iterable<Run>): Generator<Run> {
  let joined: Run | undefined;
  for (const run of runs) {
    const follows =
      joined !== undefined &&
      run.logical === joined.logical + joined.count &&
      run.physical === joined.physical + joined.count;
    if (joined !== undefined && follows)
      joined = { logical: joined.logical, physical: joined.physical, count: joined.count + run.count };
    else {
      if (joined !== undefined) yield joined;
      joined = run;
    }
  }
  if (joined !== undefined) yield joined;
}
