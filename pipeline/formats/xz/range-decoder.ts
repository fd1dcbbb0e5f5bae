/** A probability of one half; all start with it. Probabilities have 11 bits and move by a 32nd (LZMA specification, "Range Decoder"). */
export const evenProbability = 1024;

/**
 * The range decoder of LZMA: bits out of a chunk, each by a probability that learns from it.
 *
 * `range` and `code` are unsigned 32-bit numbers kept as signed ones, which the engine holds without allocation.
 * Reading past the chunk gives zeros: the caller's output is bounded, and `isFinished` tells at the end.
 */
export class RangeDecoder {
  readonly #chunk: Uint8Array;
  readonly #probabilities: Uint16Array;
  #at = 5;
  #range = -1;
  #code: number;

  constructor(chunk: Uint8Array, probabilities: Uint16Array) {
    this.#chunk = chunk;
    this.#probabilities = probabilities;
    this.#code = 0;
    for (let at = 1; at < 5; at++) this.#code = (this.#code << 8) | (chunk[at] as number);
  }

  /** Whether the chunk was used to its last byte, as an encoder leaves it. Ends decoding. */
  isFinished(): boolean {
    if (this.#range >>> 0 < 0x100_0000) {
      this.#code = (this.#code << 8) | (this.#chunk[this.#at++] as number);
    }
    return this.#at === this.#chunk.length && this.#code === 0;
  }

  bit(index: number): number {
    const probability = this.#probabilities[index] as number;
    let range = this.#range;
    let code = this.#code;
    if (range >>> 0 < 0x100_0000) {
      range <<= 8;
      code = (code << 8) | (this.#chunk[this.#at++] as number);
    }
    const bound = Math.imul(range >>> 11, probability);
    if (code >>> 0 < bound >>> 0) {
      this.#range = bound;
      this.#code = code;
      this.#probabilities[index] = probability + ((2048 - probability) >>> 5);
      return 0;
    }
    this.#range = (range - bound) | 0;
    this.#code = (code - bound) | 0;
    this.#probabilities[index] = probability - (probability >>> 5);
    return 1;
  }

  /** A number of `bits` bits from a tree of probabilities, highest bit first. */
  tree(base: number, bits: number): number {
    const probabilities = this.#probabilities;
    const chunk = this.#chunk;
    const end = 1 << bits;
    let range = this.#range;
    let code = this.#code;
    let node = 1;
    while (node < end) {
      if (range >>> 0 < 0x100_0000) {
        range <<= 8;
        code = (code << 8) | (chunk[this.#at++] as number);
      }
      const probability = probabilities[base + node] as number;
      const bound = Math.imul(range >>> 11, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        probabilities[base + node] = probability + ((2048 - probability) >>> 5);
        node <<= 1;
      } else {
        range = (range - bound) | 0;
        code = (code - bound) | 0;
        probabilities[base + node] = probability - (probability >>> 5);
        node = (node << 1) | 1;
      }
    }
    this.#range = range;
    this.#code = code;
    return node - end;
  }

  /** As tree, lowest bit first. */
  reverseTree(base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      const one = this.bit(base + node);
      node = (node << 1) | one;
      value |= one << bit;
    }
    return value;
  }

  /** A literal that follows a match: the byte at the match's distance chooses the tree until the first difference. */
  matchedLiteral(base: number, matchByte: number): number {
    let node = 1;
    let match = matchByte;
    while (node < 0x100) {
      const matchBit = (match >>> 7) & 1;
      match <<= 1;
      const one = this.bit(base + ((1 + matchBit) << 8) + node);
      node = (node << 1) | one;
      if (one !== matchBit) return this.#literalRest(base, node);
    }
    return node & 0xff;
  }

  #literalRest(base: number, from: number): number {
    let node = from;
    while (node < 0x100) node = (node << 1) | this.bit(base + node);
    return node & 0xff;
  }

  /** Bits that have no probability. */
  direct(bits: number): number {
    let value = 0;
    for (let left = bits; left > 0; left--) {
      if (this.#range >>> 0 < 0x100_0000) {
        this.#range <<= 8;
        this.#code = (this.#code << 8) | (this.#chunk[this.#at++] as number);
      }
      const half = this.#range >>> 1;
      const one = this.#code >>> 0 < half ? 0 : 1;
      this.#range = half;
      if (one === 1) this.#code = (this.#code - half) | 0;
      value = (value << 1) | one;
    }
    return value;
  }
}
