import { limits } from '../../core/index.ts';
import { type ClusterIndex, type Head, longestBack } from './cluster-index.ts';
import { contentFault, type Inode } from './inode.ts';
import type { Compression } from './superblock.ts';
import type { Volume } from './volume.ts';

/** A range of content that is stored, or compressed, as one. */
export type Extent = {
  readonly start: number;
  readonly end: number;
  readonly encoding: Compression | 'plain' | 'interlaced' | 'fragment';
  /** Where it is stored: a place in the image; in the packed inode for a fragment. */
  readonly offset: number;
  readonly storedBytes: number;
  readonly partial: boolean;
};

/**
 * The extents of a compressed inode in order, from the one that has the byte `from`.
 *
 * The kernel walks back from a byte to its head, this reader goes forward. Both must see the same content, so each
 * follower must lead to the head that was met last: a distance too long for its field, in steps. Faults: erofs.cluster, limit.erofs-extent, and those of the index.
 */
export function* extentsFrom(volume: Volume, inode: Inode, index: ClusterIndex, from: number): Generator<Extent> {
  const { blockSizeBytes } = volume.superblock;
  const size = inode.contentBytes;
  let cluster = headBefore(inode, index, from, blockSizeBytes);
  let head = index.at(cluster) as Head;
  for (let start = cluster * blockSizeBytes + head.offset; start < size;) {
    const next = nextHead(inode, index, cluster, size, blockSizeBytes);
    const end = next === null ? size : next.start;
    yield end === size
      ? tailExtent(volume, inode, index, { start, end, head, cluster })
      : blockExtent(volume, inode, index, { start, end, head, cluster });
    if (next === null || end === size) return;
    ({ cluster, head, start } = next);
  }
}

/** The cluster whose head begins at or before a byte. */
function headBefore(inode: Inode, index: ClusterIndex, from: number, blockSizeBytes: number): number {
  let cluster = Math.floor(from / blockSizeBytes);
  const first = index.at(cluster);
  if (first.kind !== 'follower' && first.offset > from - cluster * blockSizeBytes) cluster -= 1;
  for (;;) {
    if (cluster < 0) throw contentFault('erofs.cluster', inode, 'the first extent does not begin at byte 0');
    const entry = index.at(cluster);
    if (entry.kind !== 'follower') return cluster;
    if (entry.back === 0) throw contentFault('erofs.cluster', inode, `cluster ${cluster} is 0 behind its head`);
    cluster -= entry.back;
  }
}

type NextHead = { readonly cluster: number; readonly head: Head; readonly start: number };

/** The next head that begins inside the file: one at its end or behind it has no content. */
function nextHead(
  inode: Inode,
  index: ClusterIndex,
  cluster: number,
  size: number,
  blockSizeBytes: number,
): NextHead | null {
  for (let at = cluster + 1; at < index.count; at++) {
    const entry = index.at(at);
    if (entry.kind !== 'follower') {
      const start = at * blockSizeBytes + entry.offset;
      return start < size ? { cluster: at, head: entry, start } : null;
    }
    const distance = at - cluster;
    const short = distance > longestBack && entry.back >= longestBack && entry.back < distance;
    if (entry.back !== distance && !short)
      throw contentFault('erofs.cluster', inode, `cluster ${at} is ${entry.back} behind its head, want ${distance}`);
  }
  return null;
}

type Span = {
  readonly start: number;
  readonly end: number;
  readonly head: Head;
  readonly cluster: number;
};

/** The extent that ends with the file may be inline, or a fragment. */
function tailExtent(volume: Volume, inode: Inode, index: ClusterIndex, span: Span): Extent {
  const { advise } = index;
  const { start, end, head } = span;
  if (advise.fragmentTail) {
    // A full index keeps the upper half of the offset where the tail's block address would be.
    const upper = inode.layout === 'compressed-full' ? head.block * 2 ** 32 : 0;
    const offset = upper + advise.fragmentOffset;
    return { start, end, encoding: 'fragment', offset, storedBytes: end - start, partial: false };
  }
  if (!advise.inlineTail) return blockExtent(volume, inode, index, span);
  const offset = index.at(index.count - 1).indexEnd;
  const storedBytes = advise.inlineBytes;
  const { blockSizeBytes } = volume.superblock;
  if (storedBytes === 0 || (offset % blockSizeBytes) + storedBytes > blockSizeBytes)
    throw contentFault('erofs.cluster', inode, `an inline tail of ${storedBytes} bytes`, offset);
  return encoded(inode, index, span, offset, storedBytes);
}

function blockExtent(volume: Volume, inode: Inode, index: ClusterIndex, span: Span): Extent {
  const { blockSizeBytes } = volume.superblock;
  const storedBytes = storedBlocks(inode, index, span) * blockSizeBytes;
  if (storedBytes > limits.erofsClusterBytes)
    throw contentFault('limit.erofs-cluster', inode, `a cluster of ${storedBytes} bytes`, span.head.indexEnd);
  return encoded(inode, index, span, span.head.block * blockSizeBytes, storedBytes);
}

/** Blocks of an extent in the image: one, unless its first follower tells more. */
function storedBlocks(inode: Inode, index: ClusterIndex, { head, cluster }: Span): number {
  const big = head.kind === 'head1' ? index.advise.big1 : index.advise.big2;
  if (!big || cluster + 1 >= index.count) return 1;
  const first = index.at(cluster + 1);
  if (first.kind !== 'follower') return 1;
  if (first.blocks === null || first.blocks === 0)
    throw contentFault('erofs.cluster', inode, `cluster ${cluster + 1} does not tell its count of blocks`);
  return first.blocks;
}

function encoded(inode: Inode, index: ClusterIndex, span: Span, offset: number, storedBytes: number): Extent {
  const { start, end, head } = span;
  if (end - start > limits.erofsExtentBytes)
    throw contentFault('limit.erofs-extent', inode, `an extent of ${end - start} bytes`, head.indexEnd);
  const { advise } = index;
  const plain = advise.interlaced ? 'interlaced' : 'plain';
  const encoding = head.kind === 'plain' ? plain : advise[head.kind];
  if (head.kind === 'plain' && end - start > storedBytes)
    throw contentFault('erofs.cluster', inode, `${end - start} bytes in a plain cluster of ${storedBytes}`);
  return { start, end, encoding, offset, storedBytes, partial: head.partial };
}
