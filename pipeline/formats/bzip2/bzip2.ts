import { Fault } from '../../core/index.ts';
import { BitReader } from './bit-reader.ts';
import { blockCrc, combineCrc } from './crc.ts';
import { HuffmanCode, readCodeLengths } from './huffman.ts';

/** Magic numbers of 48 bits, as two halves: digits of pi for a block, of its square root for the end of a stream. */
const blockMagic = [0x314159, 0x265359] as const;
const endMagic = [0x177245, 0x385090] as const;
const blockUnitBytes = 100_000;
/** A code table serves so many symbols, then the next selector's table follows. */
const groupSymbols = 50;
/** Selectors of the largest block; bzip2 1.0.8 ignores what comes after them. */
const mostSelectors = 18_002;

/**
 * Decompresses a small .bz2 file in memory: one or more streams, every checksum verified. There is no specification; the
 * format is that of bzip2 1.0.8. Blocks of bzip2 0.9.0 with randomisation are refused by name.
 *
 * For files of some megabytes that must be read synchronously; it is no match for a disk image.
 * Faults: bzip2.*, limit.bzip2.
 *
 * @param maxBytes of the decompressed content
 */
export function decompressBzip2(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const reader = new BitReader(bytes);
  const blocks: Uint8Array[] = [];
  let total = 0;
  do {
    const blockBytes = readStreamHeader(reader);
    let streamCrc = 0;
    while (readsBlock(reader)) {
      const crc = reader.u32();
      const block = expandRuns(readBlock(reader, blockBytes), maxBytes - total);
      if (blockCrc(block) !== crc) throw malformed(reader, 'checksum', 'a block does not match its checksum');
      streamCrc = combineCrc(streamCrc, crc);
      blocks.push(block);
      total += block.byteLength;
    }
    if (reader.u32() !== streamCrc) throw malformed(reader, 'checksum', 'a stream does not match its checksum');
    reader.skipToByte();
  } while (!reader.isAtEnd);
  return Buffer.concat(blocks, total);
}

function readStreamHeader(reader: BitReader): number {
  const magic = reader.bits(24);
  const level = reader.bits(8) - 0x30;
  if (magic !== 0x425a68 || level < 1 || level > 9) throw malformed(reader, 'magic', 'want "BZh1" to "BZh9"');
  return level * blockUnitBytes;
}

function readsBlock(reader: BitReader): boolean {
  const high = reader.bits(24);
  const low = reader.bits(24);
  if (high === blockMagic[0] && low === blockMagic[1]) return true;
  if (high === endMagic[0] && low === endMagic[1]) return false;
  throw malformed(reader, 'magic', 'neither a block nor the end of the stream');
}

/** One block up to the inverse Burrows-Wheeler transform: its runs are still encoded. */
function readBlock(reader: BitReader, blockBytes: number): Uint8Array {
  if (reader.bit() !== 0) throw malformed(reader, 'randomised', 'randomised blocks are not supported');
  const origin = reader.bits(24);
  const used = readUsedBytes(reader);
  const alphabet = used.length + 2;
  const tables = reader.bits(3);
  if (tables < 2 || tables > 6) throw malformed(reader, 'tables', `${tables} code tables, want 2 to 6`);
  const selectors = readSelectors(reader, tables);
  const codes = Array.from({ length: tables }, () => new HuffmanCode(readCodeLengths(reader, alphabet)));
  const transformed = readSymbols(reader, used, selectors, codes, blockBytes);
  if (origin >= transformed.length)
    throw malformed(reader, 'origin', `origin ${origin} in a block of ${transformed.length} bytes`);
  return invertTransform(transformed, origin);
}

function readUsedBytes(reader: BitReader): Uint8Array {
  const rows = reader.bits(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    if (((rows >>> (15 - row)) & 1) === 0) continue;
    const columns = reader.bits(16);
    for (let column = 0; column < 16; column++)
      if (((columns >>> (15 - column)) & 1) === 1) used.push(row * 16 + column);
  }
  if (used.length === 0) throw malformed(reader, 'alphabet', 'a block that uses no byte');
  return Uint8Array.from(used);
}

/** Which table serves which group: move-to-front, in unary. */
function readSelectors(reader: BitReader, tables: number): Uint8Array {
  const count = reader.bits(15);
  if (count === 0) throw malformed(reader, 'selectors', 'no selectors, want at least 1');
  const order = Array.from({ length: tables }, (_, table) => table);
  const selectors = new Uint8Array(Math.min(count, mostSelectors));
  for (let index = 0; index < count; index++) {
    let place = 0;
    while (reader.bit() === 1) {
      if (++place >= tables) throw malformed(reader, 'selectors', `selector ${place}, want less than ${tables}`);
    }
    const [table] = order.splice(place, 1) as [number];
    order.unshift(table);
    if (index < selectors.length) selectors[index] = table;
  }
  return selectors;
}

/** The transformed bytes: Huffman codes of move-to-front places, with runs of place 0 as numbers in bijective base 2. */
function readSymbols(
  reader: BitReader,
  used: Uint8Array,
  selectors: Uint8Array,
  codes: readonly HuffmanCode[],
  blockBytes: number,
): Uint8Array {
  const runA = 0;
  const runB = 1;
  const endOfBlock = used.length + 1;
  const order = Uint8Array.from(used);
  const output = new Uint8Array(blockBytes);
  let filled = 0;
  let run = 0;
  let runWeight = 1;
  for (const selector of selectors) {
    const code = codes[selector] as HuffmanCode;
    for (let count = 0; count < groupSymbols; count++) {
      const symbol = code.read(reader);
      if (symbol === runA || symbol === runB) {
        run += runWeight << symbol;
        runWeight *= 2;
        if (run > blockBytes) throw malformed(reader, 'block-size', `more than ${blockBytes} bytes in a block`);
        continue;
      }
      if (filled + run > blockBytes) throw malformed(reader, 'block-size', `more than ${blockBytes} bytes in a block`);
      output.fill(order[0] as number, filled, filled + run);
      filled += run;
      run = 0;
      runWeight = 1;
      if (symbol === endOfBlock) return output.subarray(0, filled);
      if (filled >= blockBytes) throw malformed(reader, 'block-size', `more than ${blockBytes} bytes in a block`);
      const byte = order[symbol - 1] as number;
      order.copyWithin(1, 0, symbol - 1);
      order[0] = byte;
      output[filled++] = byte;
    }
  }
  throw malformed(reader, 'selectors', 'the selectors end before the block does');
}

function invertTransform(last: Uint8Array, origin: number): Uint8Array {
  const starts = new Int32Array(257);
  for (let at = 0; at < last.length; at++) {
    const byte = (last[at] as number) + 1;
    starts[byte] = (starts[byte] as number) + 1;
  }
  for (let byte = 1; byte <= 256; byte++) starts[byte] = (starts[byte] as number) + (starts[byte - 1] as number);
  const next = new Int32Array(last.length);
  for (let at = 0; at < last.length; at++) {
    const byte = last[at] as number;
    const place = starts[byte] as number;
    next[place] = at;
    starts[byte] = place + 1;
  }
  const bytes = new Uint8Array(last.length);
  let at = next[origin] as number;
  for (let filled = 0; filled < bytes.length; filled++) {
    bytes[filled] = last[at] as number;
    at = next[at] as number;
  }
  return bytes;
}

/** The innermost encoding: four equal bytes are followed by the number of further ones. */
function expandRuns(encoded: Uint8Array, mostBytes: number): Uint8Array {
  const length = copyRuns(encoded, undefined);
  if (length > mostBytes)
    throw new Fault('limit.bzip2', `Cannot decompress bzip2: more content than the ${mostBytes} bytes left to it`);
  const bytes = new Uint8Array(length);
  copyRuns(encoded, bytes);
  return bytes;
}

/** The expanded length; the bytes too where there is room for them. */
function copyRuns(encoded: Uint8Array, into: Uint8Array | undefined): number {
  let filled = 0;
  let equal = 0;
  for (let at = 0; at < encoded.length; at++) {
    const byte = encoded[at] as number;
    equal = at > 0 && equal > 0 && byte === encoded[at - 1] ? equal + 1 : 1;
    if (into !== undefined) into[filled] = byte;
    filled++;
    if (equal < 4 || at + 1 === encoded.length) continue;
    const more = encoded[++at] as number;
    into?.fill(byte, filled, filled + more);
    filled += more;
    equal = 0;
  }
  return filled;
}

function malformed(reader: BitReader, what: string, problem: string): Fault {
  return new Fault(`bzip2.${what}`, `Cannot decompress bzip2: ${problem}`, { where: `byte ${reader.position}` });
}
