import {
  ByteReader,
  checkRange,
  Fault,
  limits,
  lendBytes,
  openScratch,
  readScoped,
  scopeBytes,
  type ScopedBytes,
  type Source,
} from '../../core/index.ts';
import { BlockCache } from './block-cache.ts';
import { decompressBlock } from './decompress.ts';
import type { FileContent } from './inode.ts';
import type { LookupTable } from './lookup-table.ts';
import type { MetadataReader } from './metadata.ts';
import type { Superblock } from './superblock.ts';

/** Bit of a stored size: the block is not compressed (squashfs documentation, §3.2). */
const rawBit = 1 << 24;
const listWordBytes = 4;

export type ContentReader = {
  /** The content of a regular file, a block at a time. */
  chunks(content: FileContent): Generator<Uint8Array>;
};

/**
 * Reads data blocks and the tail ends of files, which share fragment blocks.
 * Faults: squashfs.block, squashfs.fragment, squashfs.decompress, squashfs.metadata.
 */
export function openContentReader(
  image: Source,
  superblock: Superblock,
  metadata: MetadataReader,
  fragments: LookupTable | null,
): ContentReader {
  const { blockSizeBytes, compressor } = superblock;
  const fragmentBlocks = new BlockCache<Uint8Array>(limits.squashfsFragmentCacheBytes, blockSizeBytes);
  const readCompressed = openScratch(image, blockSizeBytes);
  let zeros: Uint8Array | undefined;

  const readBlock = (start: number, size: StoredSize, place: string): Uint8Array => {
    checkRange(image, start, size.bytes);
    return size.raw
      ? image.read(start, size.bytes)
      : decompressBlock(compressor, readCompressed(start, size.bytes), blockSizeBytes, place);
  };

  const openBlock = (start: number, size: StoredSize, wanted: number, place: string): ScopedBytes => {
    // A size of zero is a hole: nothing is stored for it.
    if (size.bytes === 0) return lendBytes((zeros ??= new Uint8Array(blockSizeBytes)).subarray(0, wanted));
    return size.raw ? readScoped(image, start, size.bytes) : scopeBytes(readBlock(start, size, place));
  };

  const readFragment = (number: number): Uint8Array =>
    fragmentBlocks.take(number, () => {
      const place = `squashfs fragment block ${number}`;
      if (fragments === null) throw new Fault('squashfs.fragment', `Cannot find ${place}: there is no fragment table`);
      const reader = new ByteReader(fragments.read(number), place);
      const start = reader.u64le('start');
      const size = parseStoredSize(reader.u32le('size'), blockSizeBytes, place);
      return readBlock(start, size, place);
    });

  function* blocks(content: FileContent): Generator<Uint8Array> {
    let start = content.firstBlock;
    let left = content.sizeBytes;
    for (const word of listWords(superblock, metadata, content)) {
      const place = `squashfs data block at byte ${start}`;
      const size = parseStoredSize(word, blockSizeBytes, place);
      const wanted = Math.min(left, blockSizeBytes);
      using block = openBlock(start, size, wanted, place);
      if (block.bytes.byteLength !== wanted)
        throw new Fault('squashfs.block', `Cannot read ${place}: ${block.bytes.byteLength} bytes, want ${wanted}`, {
          where: place,
        });
      yield block.bytes;
      start += size.bytes;
      left -= wanted;
    }
  }

  return {
    *chunks(content) {
      yield* blocks(content);
      const { tail } = content;
      if (tail === null) return;
      const block = readFragment(tail.fragment);
      if (tail.offset + tail.sizeBytes > block.byteLength)
        throw new Fault(
          'squashfs.fragment',
          `Cannot read a tail of ${tail.sizeBytes} bytes at ${tail.offset}: fragment block ${tail.fragment} has ${block.byteLength} bytes`,
          { where: `squashfs fragment block ${tail.fragment}` },
        );
      yield block.subarray(tail.offset, tail.offset + tail.sizeBytes);
    },
  };
}

type StoredSize = { readonly bytes: number; readonly raw: boolean };

function parseStoredSize(word: number, blockSizeBytes: number, place: string): StoredSize {
  const bytes = word & (rawBit - 1);
  if (word >= rawBit * 2 || bytes > blockSizeBytes)
    throw new Fault(
      'squashfs.block',
      `Cannot read ${place}: stored size 0x${word.toString(16)}, want at most ${blockSizeBytes} bytes`,
      { where: place },
    );
  return { bytes, raw: (word & rawBit) !== 0 };
}

/** The stored sizes of a file's blocks, read as they are needed: a sparse file may have millions. */
function* listWords(superblock: Superblock, metadata: MetadataReader, content: FileContent): Generator<number> {
  const wordsAtOnce = 1024;
  const limit = superblock.directoryTableStart;
  let place = content.blockList;
  for (let left = content.blockCount; left > 0; left -= wordsAtOnce) {
    const bytes = Math.min(left, wordsAtOnce) * listWordBytes;
    const reader = new ByteReader(metadata.read(place, bytes, limit, 'block list'), 'squashfs block list');
    while (reader.remaining > 0) yield reader.u32le('block_size');
    place = metadata.advance(place, bytes, limit, 'block list');
  }
}
