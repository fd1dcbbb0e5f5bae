import { type ExtentCache, compressedPieces, type FragmentReader } from './compressed-content.ts';
import { chunkedPieces, flatPieces } from './flat-content.ts';
import { contentFault, type Inode, readInode } from './inode.ts';
import type { Volume } from './volume.ts';

/** The content of inodes, whatever their layout. */
export type ContentReader = {
  /** Bytes `from` to `to`, which lie inside the content, in pieces of any length. */
  pieces(inode: Inode, from: number, to: number): Iterable<Uint8Array>;
  /** The same in one array: for ranges that the caller has bounded. */
  readRange(inode: Inode, from: number, to: number): Uint8Array;
  /** Bytes of the packed inode. */
  readonly fragments: FragmentReader;
};

/** Bytes of decompressed extents of the packed inode that are kept: neighbouring files share them. */
const fragmentCacheBytes = 16 * 1024 * 1024;

export function openContent(volume: Volume): ContentReader {
  const fragments = openFragments(volume);
  const pieces = (inode: Inode, from: number, to: number): Iterable<Uint8Array> =>
    piecesOf(volume, inode, from, to, fragments);
  return {
    pieces,
    fragments,
    readRange(inode, from, to) {
      const parts = [...pieces(inode, from, to)];
      return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, to - from);
    },
  };
}

function piecesOf(
  volume: Volume,
  inode: Inode,
  from: number,
  to: number,
  fragments: FragmentReader,
  cache?: ExtentCache,
): Iterable<Uint8Array> {
  if (from >= to) return [];
  switch (inode.layout) {
    case 'flat':
    case 'flat-inline':
      return flatPieces(volume, inode, from, to);
    case 'chunked':
      return chunkedPieces(volume, inode, from, to);
    default:
      return compressedPieces(volume, inode, from, to, fragments, cache);
  }
}

/** The packed inode, opened when the first fragment is asked for. It cannot have fragments of its own. */
function openFragments(volume: Volume): FragmentReader {
  const { packedNid } = volume.superblock;
  const cache = boundedCache();
  let known: Inode | undefined;
  return (offset, length) => {
    if (packedNid === null) throw noPackedInode(volume);
    known ??= readInode(volume, packedNid);
    const packed = known;
    if (packed.kind !== 'file') throw contentFault('erofs.fragment', packed, 'the packed inode is no regular file');
    if (offset + length > packed.contentBytes)
      throw contentFault(
        'erofs.fragment',
        packed,
        `a fragment of ${length} bytes at ${offset}, the packed inode has ${packed.contentBytes}`,
      );
    const nested = (): never => {
      throw contentFault('erofs.fragment', packed, 'the packed inode has a fragment');
    };
    return piecesOf(volume, packed, offset, offset + length, nested, cache);
  };
}

function noPackedInode(volume: Volume) {
  return contentFault('erofs.fragment', readInode(volume, volume.superblock.rootNid), 'no packed inode');
}

/** Forgets the extents that were kept first. */
function boundedCache(): ExtentCache {
  const kept = new Map<number, Uint8Array>();
  let total = 0;
  return {
    load: (start) => kept.get(start),
    keep(start, content) {
      kept.set(start, content);
      total += content.length;
      for (const [oldest, bytes] of kept) {
        if (total <= fragmentCacheBytes) break;
        kept.delete(oldest);
        total -= bytes.length;
      }
    },
  };
}
