import { Fault } from '../../core/index.ts';

/** Reads bits, the most significant first. Faults: bzip2.short. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #next = 0;
  /** The low `#held` bits are still to be read; what stands above them is old. */
  #window = 0;
  #held = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Place of the byte that is read next, for messages. */
  get position(): number {
    return this.#next;
  }

  /** At most 24 bits. */
  bits(count: number): number {
    while (this.#held < count) {
      const byte = this.#bytes[this.#next];
      if (byte === undefined)
        throw new Fault(
          'bzip2.short',
          `Cannot decompress bzip2: the input ends after ${this.#bytes.byteLength} bytes`,
          {
            where: `byte ${this.#next}`,
          },
        );
      this.#next++;
      this.#window = (this.#window << 8) | byte;
      this.#held += 8;
    }
    this.#held -= count;
    return (this.#window >>> this.#held) & ((1 << count) - 1);
  }

  bit(): number {
    return this.bits(1);
  }

  u32(): number {
    return ((this.bits(16) << 16) | this.bits(16)) >>> 0;
  }

  /** A stream ends within a byte; the next one starts at a whole one. */
  skipToByte(): void {
    this.#held -= this.#held % 8;
  }

  /** Whether all whole bytes are read. */
  get isAtEnd(): boolean {
    return this.#held < 8 && this.#next >= this.#bytes.byteLength;
  }
}
