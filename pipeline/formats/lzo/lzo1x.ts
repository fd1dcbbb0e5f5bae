import { Fault } from '../../core/index.ts';

/** Up to three literals may ride on a match; four stands for a longer run of literals, after which a short opcode means another thing. */
const afterLiteralRun = 4;

/**
 * Decompresses one LZO1X stream, which ends with its end marker, into `output` and returns how many bytes it wrote.
 * Output is never grown: a stream that wants more is refused, so the caller's buffer is the limit.
 * Faults: lzo.input (ends early or goes on after its end), lzo.output (larger than the buffer), lzo.distance (a match
 * before the first byte), lzo.version (the LZO-RLE variant).
 * Source: Linux, Documentation/staging/lzo.rst.
 */
export function decompressLzo1x(input: Uint8Array, output: Uint8Array): number {
  const stream = new Stream(input, output);
  let state = readFirstByte(stream);
  for (;;) {
    const opcode = stream.byte();
    if (opcode < 16 && state === 0) {
      stream.literals(opcode === 0 ? stream.extended(18) : opcode + 3);
      state = afterLiteralRun;
      continue;
    }
    const match = readMatch(stream, opcode, state);
    if (match === undefined) return stream.end();
    stream.copy(match.distance, match.length);
    stream.literals(match.literals);
    state = match.literals;
  }
}

/** "The first byte follows a different encoding": it may be a run of literals; 17 announces a later bit stream, if enough follows. */
function readFirstByte(stream: Stream): number {
  const first = stream.peek();
  if (first === 17 && stream.sizeBytes >= 5)
    throw new Fault('lzo.version', 'Cannot decompress LZO: a versioned bit stream (LZO-RLE), want LZO1X');
  if (first <= 17) return 0;
  const length = stream.byte() - 17;
  stream.literals(length);
  return Math.min(length, afterLiteralRun);
}

type Match = { readonly distance: number; readonly length: number; readonly literals: number };

/** The match that an opcode describes, or undefined for the end of the stream. */
function readMatch(stream: Stream, opcode: number, state: number): Match | undefined {
  if (opcode >= 64) {
    const distance = (stream.byte() << 3) + ((opcode >> 2) & 7) + 1;
    return { distance, length: (opcode >> 5) + 1, literals: opcode & 3 };
  }
  if (opcode >= 32) {
    const length = (opcode & 31) === 0 ? stream.extended(33) : (opcode & 31) + 2;
    const low = stream.u16le();
    return { distance: (low >> 2) + 1, length, literals: low & 3 };
  }
  if (opcode >= 16) {
    const length = (opcode & 7) === 0 ? stream.extended(9) : (opcode & 7) + 2;
    const low = stream.u16le();
    const distance = ((opcode & 8) << 11) + (low >> 2);
    return distance === 0 ? undefined : { distance: distance + 0x4000, length, literals: low & 3 };
  }
  const distance = (stream.byte() << 2) + (opcode >> 2) + 1;
  return state === afterLiteralRun
    ? { distance: distance + 2048, length: 3, literals: opcode & 3 }
    : { distance, length: 2, literals: opcode & 3 };
}

class Stream {
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  #read = 0;
  #written = 0;

  constructor(input: Uint8Array, output: Uint8Array) {
    this.#input = input;
    this.#output = output;
  }

  get sizeBytes(): number {
    return this.#input.length;
  }

  peek(): number {
    const byte = this.#input[this.#read];
    if (byte === undefined)
      throw new Fault('lzo.input', `Cannot decompress LZO: ${this.#input.length} bytes of input, want more`);
    return byte;
  }

  byte(): number {
    const byte = this.peek();
    this.#read++;
    return byte;
  }

  u16le(): number {
    return this.byte() | (this.byte() << 8);
  }

  /** A length that went past its bits: each zero byte adds 255, the first other byte ends it. */
  extended(base: number): number {
    let length = base;
    let byte = this.byte();
    for (; byte === 0; byte = this.byte()) length += 255;
    return length + byte;
  }

  literals(length: number): void {
    if (length > this.#input.length - this.#read)
      throw new Fault('lzo.input', `Cannot decompress LZO: ${this.#input.length} bytes of input, want more`);
    this.#reserve(length);
    for (let left = length; left > 0; left--) this.#output[this.#written++] = this.#input[this.#read++] as number;
  }

  /** Byte by byte, as a match may overlap what it writes. */
  copy(distance: number, length: number): void {
    if (distance > this.#written)
      throw new Fault(
        'lzo.distance',
        `Cannot decompress LZO: a match ${distance} bytes back, have ${this.#written} bytes of output`,
      );
    this.#reserve(length);
    let from = this.#written - distance;
    for (let left = length; left > 0; left--) this.#output[this.#written++] = this.#output[from++] as number;
  }

  end(): number {
    if (this.#read !== this.#input.length)
      throw new Fault('lzo.input', `Cannot decompress LZO: ${this.#input.length - this.#read} bytes after its end`);
    return this.#written;
  }

  #reserve(length: number): void {
    if (length > this.#output.length - this.#written)
      throw new Fault('lzo.output', `Cannot decompress LZO: more than ${this.#output.length} bytes of output`);
  }
}
