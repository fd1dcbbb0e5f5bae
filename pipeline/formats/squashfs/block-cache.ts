/** Keeps the most recently used blocks, up to a number of them. */
export class BlockCache<Block> {
  readonly #blocks = new Map<number, Block>();
  readonly #capacity: number;

  /** @param blockBytes what one block keeps in memory at most, whatever it holds */
  constructor(capBytes: number, blockBytes: number) {
    this.#capacity = Math.max(1, Math.floor(capBytes / blockBytes));
  }

  /** The block of this key, made by `make` where it is not kept. */
  take(key: number, make: () => Block): Block {
    const kept = this.#blocks.get(key);
    if (kept !== undefined) {
      // A map iterates in the order of insertion: moving to its end makes the first key the least recently used.
      this.#blocks.delete(key);
      this.#blocks.set(key, kept);
      return kept;
    }
    const block = make();
    const oldest = this.#blocks.size < this.#capacity ? undefined : this.#blocks.keys().next().value;
    if (oldest !== undefined) this.#blocks.delete(oldest);
    this.#blocks.set(key, block);
    return block;
  }
}
