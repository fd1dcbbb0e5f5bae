import { ByteReader, Fault } from '../../core/index.ts';
import { type CheckType, checkTypeOf, verifyCheck } from './integrity-check.ts';
import { crc32 } from 'node:zlib';
import { decodeLzma2 } from './lzma2.ts';
import { undoX86Filter } from './x86-filter.ts';

/** A block as the index tells it: where it is, and what it has before and after decoding. */
type Block = { readonly start: number; readonly unpaddedBytes: number; readonly uncompressedBytes: number };
type Stream = { readonly check: CheckType; readonly blocks: readonly Block[] };

const edgeBytes = 12;
const headerMagic = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);
const footerMagic = 0x595a; // "YZ"

/** Filters by their official ID (.xz file format, §5.3 and §5.4). */
const lzma2Filter = 0x21;
const x86Filter = 0x04;
const otherFilters: ReadonlyMap<number, string> = new Map([
  [0x03, 'Delta'],
  [0x05, 'PowerPC BCJ'],
  [0x06, 'IA-64 BCJ'],
  [0x07, 'ARM BCJ'],
  [0x08, 'ARM-Thumb BCJ'],
  [0x09, 'SPARC BCJ'],
  [0x0a, 'ARM64 BCJ'],
  [0x0b, 'RISC-V BCJ'],
]);

/**
 * Decodes an .xz file (.xz file format 1.2): streams and stream padding, blocks with LZMA2 and optionally the x86 BCJ
 * filter. Sizes come from each stream's index, so nothing is allocated before they are known; CRC-32, CRC-64 and SHA-256
 * are verified. `maxStreams` is for formats whose other readers stop after the first.
 *
 * Faults: xz.output (more than `maxOutputBytes`), xz.unsupported (another filter or check, by its name), xz.format, xz.check
 * (bytes that do not match their check), xz.lzma2, bytes.*.
 */
export function decodeXz(
  input: Uint8Array,
  { maxOutputBytes, maxStreams }: { readonly maxOutputBytes: number; readonly maxStreams?: number },
): Uint8Array {
  const streams = readStreams(input);
  if (maxStreams !== undefined && streams.length > maxStreams)
    throw new Fault('xz.format', `Cannot decode an .xz file: ${streams.length} streams, want ${maxStreams}`);
  let total = 0;
  for (const block of streams.flatMap((stream) => stream.blocks)) total += block.uncompressedBytes;
  if (total > maxOutputBytes)
    throw new Fault('xz.output', `Cannot decode an .xz file: it holds ${total} bytes, want at most ${maxOutputBytes}`);
  const output = new Uint8Array(total);
  let at = 0;
  for (const { check, blocks } of streams) {
    for (const block of blocks) {
      decodeBlock(input, block, check, output.subarray(at, at + block.uncompressedBytes));
      at += block.uncompressedBytes;
    }
  }
  return output;
}

/** Reads streams from the end of the file: the footer tells where its stream's index is, the index where the blocks are (§2). */
function readStreams(input: Uint8Array): readonly Stream[] {
  const streams: Stream[] = [];
  let end = input.byteLength;
  do {
    end = skipPadding(input, end);
    const { stream, start } = readStream(input, end);
    streams.push(stream);
    end = start;
  } while (end > 0);
  return streams.toReversed();
}

/** Stream padding is zeros, four at a time (§2.2). */
function skipPadding(input: Uint8Array, end: number): number {
  let start = end;
  while (
    start >= 4 &&
    input[start - 1] === 0 &&
    input[start - 2] === 0 &&
    input[start - 3] === 0 &&
    input[start - 4] === 0
  )
    start -= 4;
  return start;
}

function readStream(input: Uint8Array, end: number): { readonly stream: Stream; readonly start: number } {
  const footerStart = end - edgeBytes;
  if (footerStart < edgeBytes) throw malformed(end, `${end} bytes, want a stream header and footer`);
  const footer = new ByteReader(input.subarray(footerStart, end), '.xz stream footer', footerStart);
  const footerCrc = footer.u32le('crc32');
  const indexBytes = (footer.u32le('backward_size') + 1) * 4;
  const flags = footer.u16be('stream_flags');
  if (footer.u16be('magic') !== footerMagic) throw footer.fault('xz.format', 'magic', 'want "YZ"');
  checkCrc32(input.subarray(footerStart + 4, footerStart + 10), footerCrc, 'stream footer', footerStart);
  const check = checkTypeOf(flags);

  const indexStart = footerStart - indexBytes;
  if (indexStart < edgeBytes) throw malformed(footerStart, `an index of ${indexBytes} bytes does not fit`);
  const sizes = readIndex(input.subarray(indexStart, footerStart), indexStart);
  let blocksBytes = 0;
  for (const { unpaddedBytes } of sizes) blocksBytes += padded(unpaddedBytes);
  const start = indexStart - blocksBytes - edgeBytes;
  if (start < 0) throw malformed(indexStart, `blocks of ${blocksBytes} bytes do not fit`);
  checkHeader(input.subarray(start, start + edgeBytes), flags, start);
  let blockStart = start + edgeBytes;
  const blocks = sizes.map((size) => {
    const block = { start: blockStart, ...size };
    blockStart += padded(size.unpaddedBytes);
    return block;
  });
  return { stream: { check, blocks }, start };
}

/** The header repeats the footer's flags (§2.1.2.3). */
function checkHeader(bytes: Uint8Array, flags: number, start: number): void {
  const header = new ByteReader(bytes, '.xz stream header', start);
  const magic = header.bytes(headerMagic.byteLength, 'magic');
  if (Buffer.compare(magic, headerMagic) !== 0) throw header.fault('xz.format', 'magic', 'want FD "7zXZ" 00');
  if (header.u16be('stream_flags') !== flags)
    throw header.fault('xz.format', 'stream_flags', 'differ between header and footer');
  checkCrc32(bytes.subarray(6, 8), header.u32le('crc32'), 'stream header', start);
}

/** The index: indicator, number of records, records, padding, CRC (§4). */
function readIndex(bytes: Uint8Array, start: number): readonly Omit<Block, 'start'>[] {
  const body = bytes.subarray(0, -4);
  const crc = new ByteReader(bytes.subarray(-4), '.xz index', start + body.byteLength).u32le('crc32');
  checkCrc32(body, crc, 'index', start);
  const reader = new ByteReader(body, '.xz index', start);
  if (reader.u8('indicator') !== 0) throw reader.fault('xz.format', 'indicator', 'want 0');
  const count = readInteger(reader, 'records');
  // A record has two bytes at least: more records than that cannot follow.
  if (count > reader.remaining / 2) throw reader.fault('xz.format', 'records', `${count} do not fit`);
  const sizes = Array.from({ length: count }, () => {
    const unpaddedBytes = readInteger(reader, 'unpadded_size');
    if (unpaddedBytes < 5) throw reader.fault('xz.format', 'unpadded_size', `${unpaddedBytes}, want at least 5`);
    return { unpaddedBytes, uncompressedBytes: readInteger(reader, 'uncompressed_size') };
  });
  if (reader.remaining > 3) throw reader.fault('xz.format', 'padding', `${reader.remaining} bytes, want at most 3`);
  checkZeros(reader, 'padding');
  return sizes;
}

/** A block is its header, compressed data, padding to four bytes and the check (§3). */
function decodeBlock(input: Uint8Array, block: Block, check: CheckType, output: Uint8Array): void {
  const dataEnd = block.start + block.unpaddedBytes - check.sizeBytes;
  const blockEnd = block.start + padded(block.unpaddedBytes);
  const { headerBytes, filters } = readBlockHeader(input, block, dataEnd);
  decodeLzma2(input.subarray(block.start + headerBytes, dataEnd), output);
  for (const filter of filters) undoX86Filter(output, filter.startOffset);
  const checkStart = blockEnd - check.sizeBytes;
  checkZeros(new ByteReader(input.subarray(dataEnd, checkStart), '.xz block', dataEnd), 'padding');
  verifyCheck(check, output, input.subarray(checkStart, blockEnd), block.start);
}

type Filter = { readonly id: number; readonly startOffset: number };

/** The block header: size, flags, the sizes that the index repeats, filters, padding, CRC (§3.1). */
function readBlockHeader(
  input: Uint8Array,
  block: Block,
  dataEnd: number,
): { readonly headerBytes: number; readonly filters: readonly Filter[] } {
  const headerBytes = ((input[block.start] as number) + 1) * 4;
  if (headerBytes < 8 || block.start + headerBytes > dataEnd)
    throw malformed(block.start, `a block header of ${headerBytes} bytes in a block of ${block.unpaddedBytes}`);
  const body = input.subarray(block.start, block.start + headerBytes - 4);
  const crcStart = block.start + body.byteLength;
  const crc = new ByteReader(input.subarray(crcStart, crcStart + 4), '.xz block header', crcStart).u32le('crc32');
  checkCrc32(body, crc, 'block header', block.start);
  const reader = new ByteReader(body, '.xz block header', block.start);
  reader.skip(1, 'header_size');
  const flags = reader.u8('block_flags');
  if ((flags & 0x3c) !== 0) throw reader.fault('xz.format', 'block_flags', `0x${flags.toString(16)} has reserved bits`);
  const compressedBytes = dataEnd - block.start - headerBytes;
  if ((flags & 0x40) !== 0 && readInteger(reader, 'compressed_size') !== compressedBytes)
    throw reader.fault('xz.format', 'compressed_size', `want ${compressedBytes} as in the index`);
  if ((flags & 0x80) !== 0 && readInteger(reader, 'uncompressed_size') !== block.uncompressedBytes)
    throw reader.fault('xz.format', 'uncompressed_size', `want ${block.uncompressedBytes} as in the index`);
  const filters = Array.from({ length: (flags & 3) + 1 }, () => readFilter(reader));
  // LZMA2 comes last and once (§5.3.1); others undo what they did before it, last first (§3.1.5).
  if (filters.findIndex((filter) => filter.id === lzma2Filter) !== filters.length - 1)
    throw reader.fault('xz.format', 'filters', 'want LZMA2 as the last filter and once');
  checkZeros(reader, 'padding');
  return { headerBytes, filters: filters.slice(0, -1).toReversed() };
}

function readFilter(reader: ByteReader): Filter {
  const id = readInteger(reader, 'filter_id');
  const properties = reader.bytes(readInteger(reader, 'properties_size'), 'properties');
  if (id === lzma2Filter) {
    // The dictionary's size: the output is the dictionary here, so only the form is checked.
    if (properties.byteLength !== 1 || (properties[0] as number) > 40)
      throw reader.fault('xz.format', 'properties', 'want a dictionary size');
    return { id, startOffset: 0 };
  }
  if (id === x86Filter) {
    if (properties.byteLength !== 0 && properties.byteLength !== 4)
      throw reader.fault('xz.format', 'properties', 'want nothing or a start offset');
    const startOffset = properties.byteLength === 0 ? 0 : new ByteReader(properties, 'x86 BCJ').u32le('start_offset');
    return { id, startOffset };
  }
  const name = otherFilters.get(id) ?? `filter 0x${id.toString(16)}`;
  throw new Fault('xz.unsupported', `Cannot decode .xz: it uses ${name}, want LZMA2 alone or with x86 BCJ`, {
    next: 'Compress it again without that filter',
  });
}

/** A multibyte integer: 7 bits a byte, lowest first, in its shortest form (§1.2). */
function readInteger(reader: ByteReader, field: string): number {
  let value = 0;
  for (let shift = 0; shift < 49; shift += 7) {
    const byte = reader.u8(field);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (byte === 0 && shift > 0) throw reader.fault('xz.format', field, 'not in its shortest form');
      return value;
    }
  }
  throw reader.fault('xz.format', field, 'larger than any size');
}

function checkZeros(reader: ByteReader, field: string): void {
  if (reader.bytes(reader.remaining, field).some((byte) => byte !== 0))
    throw reader.fault('xz.format', field, 'want zeros');
}

function checkCrc32(bytes: Uint8Array, wanted: number, what: string, at: number): void {
  if (crc32(bytes) !== wanted)
    throw new Fault('xz.check', `Cannot read an .xz ${what}: its CRC-32 does not match`, {
      where: `.xz ${what} at byte ${at}`,
    });
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}

function malformed(at: number, problem: string): Fault {
  return new Fault('xz.format', `Cannot read an .xz file: ${problem}`, { where: `.xz file at byte ${at}` });
}
