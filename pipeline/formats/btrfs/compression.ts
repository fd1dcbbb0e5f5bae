import { constants, inflateSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader, Fault } from '../../core/index.ts';
import { decompressLzo1x } from '../lzo/index.ts';

export type Compression = 'none' | 'zlib' | 'lzo' | 'zstd';

/** The compression field of an extent, by number. */
export const compressions: readonly Compression[] = ['none', 'zlib', 'lzo', 'zstd'];

/** BTRFS_MAX_COMPRESSED and BTRFS_MAX_UNCOMPRESSED: what one compressed extent may hold, before and after. */
export const compressedExtentBytes = 128 * 1024;

/** ZSTD_BTRFS_MAX_WINDOWLOG: a frame that asks for a larger window asks for memory that no extent needs. */
const zstdWindowLog = 17;

/**
 * Decompresses one extent to at most `sizeBytes` (already held to the limit above). On disk an extent is padded to whole
 * sectors. What comes out may be shorter, where a file ends inside its last sector: the rest is zero.
 * Fault: btrfs.compression.
 */
export function decompress(
  compression: Exclude<Compression, 'none'>,
  input: Uint8Array,
  sizeBytes: number,
  sectorBytes: number,
): Uint8Array {
  try {
    const output = decompressors[compression](input, sizeBytes, sectorBytes);
    if (output.length === sizeBytes) return output;
    const padded = new Uint8Array(sizeBytes);
    padded.set(output);
    return padded;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown';
    throw new Fault('btrfs.compression', `Cannot decompress a ${compression} extent to ${sizeBytes} bytes: ${why}`, {
      cause,
    });
  }
}

const decompressors = {
  zlib: (input: Uint8Array, sizeBytes: number) =>
    inflateSync(input, { maxOutputLength: sizeBytes, chunkSize: chunkFor(sizeBytes) }),
  zstd: (input: Uint8Array, sizeBytes: number) =>
    zstdDecompressSync(input.subarray(0, measureZstdFrame(input)), {
      maxOutputLength: sizeBytes,
      chunkSize: chunkFor(sizeBytes),
      params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog },
    }),
  lzo: decompressLzoExtent,
} satisfies Record<
  Exclude<Compression, 'none'>,
  (input: Uint8Array, sizeBytes: number, sectorBytes: number) => Uint8Array
>;

/** Room for the whole result and one byte more, so that zlib needs neither a second buffer nor a copy. */
function chunkFor(sizeBytes: number): number {
  return Math.max(sizeBytes + 1, 64);
}

/**
 * The length of the first zstd frame: the decoder refuses the padding behind it. RFC 8878 §3.1.1: a header of 2 to 14
 * bytes after the magic, then blocks, each of which tells its size, then perhaps a checksum.
 */
function measureZstdFrame(input: Uint8Array): number {
  const r = new ByteReader(input, 'zstd frame');
  if (r.u32le('magic') !== 0xfd2fb528) throw r.fault('btrfs.compression', 'magic', 'not a zstd frame');
  const descriptor = r.u8('frame_header_descriptor');
  const singleSegment = (descriptor >> 5) & 1;
  const contentSizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6] as number;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number;
  r.skip((singleSegment === 1 ? 0 : 1) + dictionaryIdBytes + contentSizeBytes, 'frame_header');
  for (let last = false; !last;) {
    const header = r.u16le('block_header') | (r.u8('block_header') << 16);
    last = (header & 1) === 1;
    const runLength = ((header >> 1) & 3) === 1;
    r.skip(runLength ? 1 : header >> 3, 'block');
  }
  if ((descriptor & 4) !== 0) r.skip(4, 'content_checksum');
  return r.position;
}

/**
 * Linux fs/btrfs/lzo.c: the total length, then segments of one sector's content each behind its own length. A length
 * never stands across the border of a sector: fewer than four bytes before it are padding.
 */
function decompressLzoExtent(input: Uint8Array, sizeBytes: number, sectorBytes: number): Uint8Array {
  const r = new ByteReader(input, 'lzo extent');
  const end = r.u32le('total_length');
  if (end > input.length) throw r.fault('btrfs.compression', 'total_length', `${end}, have ${input.length} bytes`);
  const output = new Uint8Array(sizeBytes);
  for (let written = 0; r.position < end;) {
    const left = sectorBytes - (r.position % sectorBytes);
    if (left < 4) r.skip(left, 'padding');
    if (r.position >= end) break;
    const segment = r.bytes(r.u32le('segment_length'), 'segment');
    if (written === sizeBytes) throw r.fault('btrfs.compression', 'segment', `more than ${sizeBytes} bytes`);
    const room = output.subarray(written, Math.min(written + sectorBytes, sizeBytes));
    const got = decompressLzo1x(segment, room);
    if (got < room.length) return output;
    written += got;
  }
  return output;
}
