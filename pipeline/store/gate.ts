type Waiting = { readonly sizeBytes: number; readonly enter: () => void };

/**
 * Lets steps wait until there is room for what each holds while it runs: dozens of large answers at once fill the memory of
 * a small machine. What is larger than the room runs alone. First come, first served, so that the small ones starve no large one.
 */
export class Gate {
  readonly #roomBytes: number;
  readonly #waiting: Waiting[] = [];
  #usedBytes = 0;

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  /** Room for so many bytes, until it is disposed of. Who has some must not ask for more. */
  async enter(sizeBytes: number): Promise<Disposable> {
    await new Promise<void>((enter) => {
      this.#waiting.push({ sizeBytes, enter });
      this.#admit();
    });
    return { [Symbol.dispose]: () => this.#leave(sizeBytes) };
  }

  #leave(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes;
    this.#admit();
  }

  #admit(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      if (this.#usedBytes > 0 && this.#usedBytes + first.sizeBytes > this.#roomBytes) return;
      this.#waiting.shift();
      this.#usedBytes += first.sizeBytes;
      first.enter();
    }
  }
}
