import { Fault } from '../../core/index.ts';
import { evenProbability, RangeDecoder } from './range-decoder.ts';

/** Where each group of probabilities begins (LZMA specification, "The main decoder"). */
const states = 12;
const positionStates = 16;
const isMatch = 0;
const isRepeat = isMatch + states * positionStates;
const isRepeat0 = isRepeat + states;
const isRepeat1 = isRepeat0 + states;
const isRepeat2 = isRepeat1 + states;
const isLongRepeat0 = isRepeat2 + states;
const distanceSlots = isLongRepeat0 + states * positionStates;
const distanceSpecial = distanceSlots + 4 * 64;
const distanceAlign = distanceSpecial + 128;
const matchLength = distanceAlign + 16;
/** Of a length: choice, second choice, and trees of 3 bits, 3 bits and 8 bits. */
const lengthLow = 2;
const lengthMiddle = lengthLow + positionStates * 8;
const lengthHigh = lengthMiddle + positionStates * 8;
const lengthProbabilities = lengthHigh + 256;
const repeatLength = matchLength + lengthProbabilities;
const literals = repeatLength + lengthProbabilities;
const literalProbabilities = 0x300;
/** LZMA2 allows lc + lp up to 4. */
const mostLiteralBits = 4;

const shortestMatch = 2;
/** Matches of fewer bytes are copied byte by byte: a built-in's call costs more. */
const shortMatch = 24;

/**
 * The LZMA decoder as LZMA2 uses it: chunk by chunk into one buffer, which is the dictionary at the same time.
 * Written after the LZMA specification in LZMA SDK and the xz file format's description of LZMA2.
 */
export class LzmaDecoder {
  readonly #probabilities = new Uint16Array(literals + (literalProbabilities << mostLiteralBits));
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  #distance0 = 0;
  #distance1 = 0;
  #distance2 = 0;
  #distance3 = 0;

  /** Reads lc, lp and pb out of their byte. Faults: xz.lzma2. */
  setProperties(byte: number): void {
    const literalContextBits = byte % 9;
    const literalPositionBits = Math.floor(byte / 9) % 5;
    const positionBits = Math.floor(byte / 45);
    if (positionBits > 4 || literalContextBits + literalPositionBits > mostLiteralBits)
      throw new Fault(
        'xz.lzma2',
        `Cannot decode LZMA2: properties 0x${byte.toString(16)}, want lc + lp and pb up to 4`,
      );
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
  }

  resetState(): void {
    this.#probabilities.fill(evenProbability);
    this.#state = 0;
    this.#distance0 = 0;
    this.#distance1 = 0;
    this.#distance2 = 0;
    this.#distance3 = 0;
  }

  /**
   * Decodes one chunk into `output` from `from` to `to`. Matches reach back to `dictionaryStart`,
   * where the dictionary was last reset; positions count from there. Faults: xz.lzma2.
   */
  decode(chunk: Uint8Array, output: Uint8Array, dictionaryStart: number, from: number, to: number): void {
    const decoder = new RangeDecoder(chunk, this.#probabilities);
    let state = this.#state;
    let at = from;
    while (at < to) {
      const position = at - dictionaryStart;
      const positionState = position & this.#positionMask;
      if (decoder.bit(isMatch + (state << 4) + positionState) === 0) {
        output[at] = this.#literal(decoder, output, at, position, state);
        at++;
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      let length: number;
      if (decoder.bit(isRepeat + state) === 0) {
        length = readLength(decoder, matchLength, positionState);
        this.#distance3 = this.#distance2;
        this.#distance2 = this.#distance1;
        this.#distance1 = this.#distance0;
        this.#distance0 = readDistance(decoder, length);
        state = state < 7 ? 7 : 10;
      } else {
        const short = this.#repeat(decoder, state, positionState);
        length = short ? 1 : readLength(decoder, repeatLength, positionState);
        state = short ? (state < 7 ? 9 : 11) : state < 7 ? 8 : 11;
      }
      const distance = this.#distance0 + 1;
      if (distance > position || length > to - at)
        throw new Fault(
          'xz.lzma2',
          `Cannot decode LZMA2: a match of ${length} bytes, ${distance} back, at ${position} with ${to - at} bytes left`,
        );
      copyMatch(output, at, distance, length);
      at += length;
    }
    this.#state = state;
    if (!decoder.isFinished())
      throw new Fault('xz.lzma2', 'Cannot decode LZMA2: the chunk does not end with its last symbol');
  }

  #literal(decoder: RangeDecoder, output: Uint8Array, at: number, position: number, state: number): number {
    const previous = position === 0 ? 0 : (output[at - 1] as number);
    const context =
      ((position & this.#literalPositionMask) << this.#literalContextBits) |
      (previous >>> (8 - this.#literalContextBits));
    const base = literals + literalProbabilities * context;
    if (state < 7) return decoder.tree(base, 8);
    return decoder.matchedLiteral(base, output[at - this.#distance0 - 1] as number);
  }

  /** Chooses one of the last four distances and moves it to the front. Returns whether it is a match of one byte. */
  #repeat(decoder: RangeDecoder, state: number, positionState: number): boolean {
    if (decoder.bit(isRepeat0 + state) === 0) return decoder.bit(isLongRepeat0 + (state << 4) + positionState) === 0;
    let distance = this.#distance1;
    if (decoder.bit(isRepeat1 + state) === 1) {
      if (decoder.bit(isRepeat2 + state) === 1) {
        distance = this.#distance3;
        this.#distance3 = this.#distance2;
      } else {
        distance = this.#distance2;
      }
      this.#distance2 = this.#distance1;
    }
    this.#distance1 = this.#distance0;
    this.#distance0 = distance;
    return false;
  }
}

function readLength(decoder: RangeDecoder, base: number, positionState: number): number {
  if (decoder.bit(base) === 0) return shortestMatch + decoder.tree(base + lengthLow + positionState * 8, 3);
  if (decoder.bit(base + 1) === 0) return shortestMatch + 8 + decoder.tree(base + lengthMiddle + positionState * 8, 3);
  return shortestMatch + 16 + decoder.tree(base + lengthHigh, 8);
}

function readDistance(decoder: RangeDecoder, length: number): number {
  const lengthState = Math.min(length - shortestMatch, 3);
  const slot = decoder.tree(distanceSlots + lengthState * 64, 6);
  if (slot < 4) return slot;
  const bits = (slot >>> 1) - 1;
  const base = (2 | (slot & 1)) << bits;
  if (slot < 14) return base + decoder.reverseTree(distanceSpecial + base - slot, bits);
  const high = base + (decoder.direct(bits - 4) << 4);
  return (high + decoder.reverseTree(distanceAlign, 4)) >>> 0;
}

/** A match may overlap what it writes: then its bytes repeat. */
function copyMatch(output: Uint8Array, at: number, distance: number, length: number): void {
  if (length > shortMatch && distance >= length) {
    output.copyWithin(at, at - distance, at - distance + length);
    return;
  }
  for (let to = at; to < at + length; to++) output[to] = output[to - distance] as number;
}
