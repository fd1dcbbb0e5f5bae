import { constants, inflateSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader, Fault, unreachable } from '../../core/index.ts';
import { decodeLz4Block } from '../lz4/index.ts';
import { decompressLzo1x } from '../lzo/index.ts';
import { decodeXz } from '../xz/index.ts';
import type { SquashfsCompressor } from './superblock.ts';

/** The largest window a squashfs block can need: Linux sizes its decoder by the block, which is at most 1 MiB. */
const largestWindowLog = 20;

/**
 * Expands one compressed block to at most `maxOutputBytes`. Faults: squashfs.decompress, with the decoder's own as its
 * cause; and xz.unsupported as it is, because it tells what to do.
 */
export function decompressBlock(
  compressor: SquashfsCompressor,
  input: Uint8Array,
  maxOutputBytes: number,
  place: string,
): Uint8Array {
  try {
    return decompress(compressor, input, maxOutputBytes);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'xz.unsupported') throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('squashfs.decompress', `Cannot decompress ${place} as ${compressor}: ${problem}`, {
      where: place,
      cause,
    });
  }
}

function decompress(compressor: SquashfsCompressor, input: Uint8Array, maxOutputBytes: number): Uint8Array {
  // zlib returns its output buffer as it is when it holds everything with room to spare: twice as fast as joining chunks.
  const output = { maxOutputLength: maxOutputBytes, chunkSize: maxOutputBytes + 64 };
  switch (compressor) {
    case 'gzip':
      return inflateSync(input, output);
    case 'zstd':
      checkOneFrame(input);
      return zstdDecompressSync(input, {
        ...output,
        params: { [constants.ZSTD_d_windowLogMax]: largestWindowLog },
      });
    case 'lz4':
      return decodeLz4Block(input, maxOutputBytes);
    case 'lzo': {
      const bytes = new Uint8Array(maxOutputBytes);
      return bytes.subarray(0, decompressLzo1x(input, bytes));
    }
    case 'xz':
      return decodeXz(input, { maxOutputBytes, maxStreams: 1 });
    default:
      return unreachable(compressor);
  }
}

/**
 * Linux stops behind the first frame and takes its bytes for the whole block; zlib goes on. A metadata block of two
 * frames would hold one tree there and another here (RFC 8878, §3.1.1).
 */
function checkOneFrame(input: Uint8Array): void {
  const reader = new ByteReader(input, 'zstd frame');
  reader.skip(4, 'magic');
  const descriptor = reader.u8('descriptor');
  const singleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const contentSizeBytes = contentSizeFlag === 0 ? Number(singleSegment) : 1 << contentSizeFlag;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  reader.skip(Number(!singleSegment) + dictionaryBytes + contentSizeBytes, 'header');
  for (let last = false; !last;) {
    const header = reader.u16le('block') | (reader.u8('block') << 16);
    last = (header & 1) !== 0;
    const isRunLength = ((header >> 1) & 3) === 1;
    reader.skip(isRunLength ? 1 : header >> 3, 'block');
  }
  reader.skip((descriptor & 4) === 0 ? 0 : 4, 'checksum');
  reader.end();
}
