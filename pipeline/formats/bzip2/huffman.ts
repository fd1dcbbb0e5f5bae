import { Fault } from '../../core/index.ts';
import type { BitReader } from './bit-reader.ts';

/** Longest code that bzip2 writes. */
const longestCode = 20;

/** A canonical Huffman code: codes of one length are consecutive numbers, in the order of their symbols. */
export class HuffmanCode {
  /** By length: the last code of it, the distance from a code to its place in `#symbols`, or -1 for no code. */
  readonly #last = new Int32Array(longestCode + 1).fill(-1);
  readonly #shift = new Int32Array(longestCode + 1);
  readonly #symbols: Uint16Array;

  /** @param lengths by symbol, each 1 to 20 */
  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let filled = 0;
    let code = 0;
    for (let length = 1; length <= longestCode; length++) {
      this.#shift[length] = filled - code;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        this.#symbols[filled++] = symbol;
        code++;
      }
      this.#last[length] = code - 1;
      code <<= 1;
    }
  }

  read(reader: BitReader): number {
    let code = 0;
    for (let length = 1; length <= longestCode; length++) {
      code = (code << 1) | reader.bit();
      if (code > (this.#last[length] as number)) continue;
      const symbol = this.#symbols[code + (this.#shift[length] as number)];
      if (symbol !== undefined) return symbol;
      break;
    }
    throw new Fault('bzip2.code', 'Cannot decompress bzip2: bits that are no code', {
      where: `byte ${reader.position}`,
    });
  }
}

/** The code lengths of one table: each differs from the one before by single steps. */
export function readCodeLengths(reader: BitReader, symbols: number): Uint8Array {
  const lengths = new Uint8Array(symbols);
  let length = reader.bits(5);
  for (let symbol = 0; symbol < symbols; symbol++) {
    while (true) {
      if (length < 1 || length > longestCode)
        throw new Fault('bzip2.code', `Cannot decompress bzip2: a code of ${length} bits, want 1 to ${longestCode}`, {
          where: `byte ${reader.position}`,
        });
      if (reader.bit() === 0) break;
      length += reader.bit() === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return lengths;
}
