import { constants, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { Fault, limits } from '../../core/index.ts';
import { decodeLz4Block } from '../lz4/index.ts';
import { readClusterIndex } from './cluster-index.ts';
import { type Extent, extentsFrom } from './extents.ts';
import { pieceBytes } from './flat-content.ts';
import { contentFault, type Inode } from './inode.ts';
import type { Volume } from './volume.ts';

/** Bytes of the packed inode, where the tails of files are stored together. */
export type FragmentReader = (offset: number, length: number) => Iterable<Uint8Array>;

/** Remembers decompressed extents by where they start. */
export type ExtentCache = {
  load(start: number): Uint8Array | undefined;
  keep(start: number, content: Uint8Array): void;
};

/** The window of a zstd frame; mkfs.erofs makes at most 1 MiB (`Z_EROFS_ZSTD_MAX_DICT_SIZE`). */
const zstdWindowLog = 24;

/** Bytes `from` to `to` of a compressed inode, an extent or less at a time. */
export function* compressedPieces(
  volume: Volume,
  inode: Inode,
  from: number,
  to: number,
  fragments: FragmentReader,
  cache?: ExtentCache,
): Generator<Uint8Array> {
  const index = readClusterIndex(volume, inode);
  if (!('at' in index)) {
    yield* fragments(index.fragmentOffset + from, to - from);
    return;
  }
  for (const run of runsOf(extentsFrom(volume, inode, index, from), to)) {
    let stored: Uint8Array | undefined;
    for (const extent of run) {
      const first = Math.max(from, extent.start);
      const last = Math.min(to, extent.end);
      if (extent.encoding === 'fragment') {
        yield* fragments(extent.offset + first - extent.start, last - first);
        continue;
      }
      let content = cache?.load(extent.start);
      if (content === undefined) {
        stored ??= readRun(volume, run);
        const at = extent.offset - (run[0] as Extent).offset;
        content = decodeExtent(volume, inode, extent, stored.subarray(at, at + extent.storedBytes));
        cache?.keep(extent.start, content);
      }
      yield content.subarray(first - extent.start, last - extent.start);
    }
  }
}

/** Extents before `to`, those that follow each other in the image together, so that they are read at once. */
function* runsOf(extents: Iterable<Extent>, to: number): Generator<readonly Extent[]> {
  let run: Extent[] = [];
  let end = 0;
  for (const extent of extents) {
    if (extent.start >= to) break;
    const first = run[0];
    const continues =
      first !== undefined &&
      extent.encoding !== 'fragment' &&
      extent.offset === end &&
      end + extent.storedBytes - first.offset <= pieceBytes;
    if (first !== undefined && !continues) {
      yield run;
      run = [];
    }
    run.push(extent);
    end = extent.encoding === 'fragment' ? -1 : extent.offset + extent.storedBytes;
  }
  if (run.length > 0) yield run;
}

function readRun(volume: Volume, run: readonly Extent[]): Uint8Array {
  const first = run[0] as Extent;
  const last = run.at(-1) as Extent;
  return volume.content.read(first.offset, last.offset + last.storedBytes - first.offset);
}

/** Faults: erofs.compression, erofs.content, lz4.*. */
function decodeExtent(volume: Volume, inode: Inode, extent: Extent, stored: Uint8Array): Uint8Array {
  const length = extent.end - extent.start;
  switch (extent.encoding) {
    case 'plain':
      return stored.subarray(0, length);
    case 'interlaced':
      return decodeInterlaced(volume, inode, extent, stored);
    case 'lz4': {
      if (!volume.superblock.compressions.includes('lz4')) throw unannounced(inode, extent);
      // Before zero padding came, a cluster could hold more than its extent (Linux fs/erofs/decompressor.c).
      const exact = volume.superblock.zeroPadding && !extent.partial;
      const input = volume.superblock.zeroPadding ? unpadded(volume, inode, extent, stored) : stored;
      return checkLength(inode, extent, decodeLz4Block(input, length, { partial: !exact }));
    }
    case 'deflate':
    case 'zstd': {
      if (!volume.superblock.compressions.includes(extent.encoding)) throw unannounced(inode, extent);
      return checkLength(inode, extent, inflate(inode, extent, unpadded(volume, inode, extent, stored)));
    }
    default:
      throw contentFault(
        'erofs.compression',
        inode,
        `it is compressed with ${extent.encoding}, which is not supported`,
        extent.offset,
      );
  }
}

/** Content stands in the block where it would stand in the file: what begins inside a block wraps around its end. */
function decodeInterlaced(volume: Volume, inode: Inode, extent: Extent, stored: Uint8Array): Uint8Array {
  const { blockSizeBytes } = volume.superblock;
  if (extent.storedBytes !== blockSizeBytes)
    throw contentFault('erofs.feature', inode, 'an interlaced cluster that is not one block is not supported');
  const at = extent.start % blockSizeBytes;
  const length = extent.end - extent.start;
  const first = Math.min(blockSizeBytes - at, length);
  if (first === length) return stored.subarray(at, at + length);
  const content = new Uint8Array(length);
  content.set(stored.subarray(at));
  content.set(stored.subarray(0, length - first), first);
  return content;
}

/** Compressed data ends with its cluster; the zeros before it are padding, less than a block of them. */
function unpadded(volume: Volume, inode: Inode, extent: Extent, stored: Uint8Array): Uint8Array {
  const block = volume.superblock.blockSizeBytes;
  const end = Math.min(stored.length, block - (extent.offset % block));
  let start = 0;
  while (start < end && stored[start] === 0) start++;
  if (start === end)
    throw contentFault('erofs.content', inode, 'a cluster begins with a block of zeros', extent.offset);
  return stored.subarray(start);
}

function inflate(inode: Inode, extent: Extent, input: Uint8Array): Uint8Array {
  const length = extent.end - extent.start;
  // zlib has no end of output that is not an error: what shares a cluster is decompressed as a whole, then cut.
  const maxOutputLength = extent.partial ? limits.erofsExtentBytes : length;
  try {
    const output =
      extent.encoding === 'zstd'
        ? zstdDecompressSync(input, {
            maxOutputLength,
            params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog },
          })
        : inflateRawSync(input, { maxOutputLength });
    return output.subarray(0, length);
  } catch (cause) {
    throw new Fault('erofs.content', `Cannot read erofs file ${inode.id}: its ${extent.encoding} data is malformed`, {
      where: `erofs inode ${inode.id}, byte ${extent.offset}`,
      cause,
    });
  }
}

function checkLength(inode: Inode, extent: Extent, content: Uint8Array): Uint8Array {
  const length = extent.end - extent.start;
  if (content.length !== length)
    throw contentFault('erofs.content', inode, `${content.length} bytes in an extent of ${length}`, extent.offset);
  return content;
}

function unannounced(inode: Inode, extent: Extent): Fault {
  return contentFault('erofs.compression', inode, `${extent.encoding}, which the superblock does not announce`);
}
