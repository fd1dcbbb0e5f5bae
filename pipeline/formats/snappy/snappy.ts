import { Fault } from '../../core/index.ts';

/**
 * Decodes the raw Snappy format (google/snappy, format_description.txt): one block with its length in front, without the
 * framing format's chunks and checksums. The length that the block states is checked against the cap before any of it is
 * allocated, and the content must have exactly that length.
 *
 * Faults: limit.snappy (more than `maxBytes`), snappy.length (no length, or another one than the content's), snappy.input
 * (the input ends inside an element), snappy.offset (a copy that starts before the output).
 */
export function decodeSnappy(input: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const { sizeBytes, at } = readLength(input);
  if (sizeBytes > maxBytes)
    throw new Fault('limit.snappy', `Cannot decode a Snappy block: ${sizeBytes} bytes, want at most ${maxBytes}`);
  if (sizeBytes > Math.max(smallBytes, (input.length - at) * mostExpansion))
    throw malformed('snappy.length', `${input.length - at} bytes of content, too few for ${sizeBytes}`, at);
  const output = new Uint8Array(sizeBytes);
  let from = at;
  let to = 0;
  while (from < input.length) {
    const start = from;
    const tag = input[from++] as number;
    const isLiteral = (tag & 3) === 0;
    const { length, value, next } = isLiteral ? readLiteral(input, tag, from) : readCopy(input, tag, from);
    from = next;
    if (length > sizeBytes - to)
      throw malformed('snappy.length', `${to + length} bytes or more, want ${sizeBytes}`, start);
    if (isLiteral) {
      if (length > input.length - from) throw malformed('snappy.input', 'the input ends inside a literal', start);
      output.set(input.subarray(from, from + length), to);
      from += length;
    } else {
      if (value === 0 || value > to) throw malformed('snappy.offset', `copy ${value} bytes back at byte ${to}`, start);
      repeat(output, to, value, length);
    }
    to += length;
  }
  if (to !== sizeBytes) throw malformed('snappy.length', `${to} bytes, want ${sizeBytes}`, from);
  return output;
}

/** A copy of 64 bytes takes 3, and nothing makes more of less: a few bytes cannot ask for much memory. */
const mostExpansion = 64 / 3;
const smallBytes = 65_536;

/** §1: a little-endian varint of at most 32 bits. */
function readLength(input: Uint8Array): { readonly sizeBytes: number; readonly at: number } {
  let sizeBytes = 0;
  for (let at = 0; at < 5; at++) {
    const byte = input[at];
    if (byte === undefined) throw malformed('snappy.length', 'the input ends inside its length', at);
    sizeBytes += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80 && sizeBytes < 2 ** 32) return { sizeBytes, at: at + 1 };
  }
  throw malformed('snappy.length', 'its length has more than 32 bits', 0);
}

type Element = {
  readonly length: number;
  /** Of a copy: how far back. */ readonly value: number;
  readonly next: number;
};

/** §2.1: up to 60 bytes by the tag itself; beyond that it says in how many bytes the length follows. */
function readLiteral(input: Uint8Array, tag: number, at: number): Element {
  const short = tag >> 2;
  if (short < 60) return { length: short + 1, value: 0, next: at };
  const width = short - 59;
  return { length: readLittleEndian(input, at, width) + 1, value: 0, next: at + width };
}

/** §2.2: copies of 4 to 11 bytes from at most 2047 back, and of 1 to 64 from further. */
function readCopy(input: Uint8Array, tag: number, at: number): Element {
  if ((tag & 3) === 1) {
    const low = readLittleEndian(input, at, 1);
    return { length: ((tag >> 2) & 7) + 4, value: ((tag >> 5) << 8) | low, next: at + 1 };
  }
  const width = (tag & 3) === 2 ? 2 : 4;
  return { length: (tag >> 2) + 1, value: readLittleEndian(input, at, width), next: at + width };
}

function readLittleEndian(input: Uint8Array, at: number, width: number): number {
  if (input.length - at < width) throw malformed('snappy.input', 'the input ends inside a tag', at);
  let value = 0;
  for (let each = width - 1; each >= 0; each--) value = value * 256 + (input[at + each] as number);
  return value;
}

/** A copy may overlap what it writes: then the last `offset` bytes repeat. */
function repeat(output: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length) {
    output.copyWithin(to, to - offset, to - offset + length);
    return;
  }
  for (let each = to; each < to + length; each++) output[each] = output[each - offset] as number;
}

function malformed(code: `snappy.${string}`, problem: string, at: number): Fault {
  return new Fault(code, `Cannot decode a Snappy block: ${problem}`, { where: `Snappy block at byte ${at}` });
}
