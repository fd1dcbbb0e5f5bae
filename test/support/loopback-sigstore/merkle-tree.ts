import { sha256 } from './certificate.ts';

/** The append-only tree of a log, RFC 6962 §2.1. Small: it hashes anew for each question. */
export class MerkleTree {
  readonly #leaves: Buffer[] = [];

  get size(): number {
    return this.#leaves.length;
  }

  append(entry: Uint8Array): void {
    this.#leaves.push(sha256(Buffer.from([0]), entry));
  }

  root(): Buffer {
    return rootOf(this.#leaves);
  }

  /** The audit path of the leaf that was appended last, RFC 6962 §2.1.1. */
  pathOfLast(): readonly Buffer[] {
    return pathOf(this.#leaves);
  }
}

function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return sha256('');
  if (leaves.length === 1) return first;
  const split = splitOf(leaves.length);
  return sha256(Buffer.from([1]), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

function pathOf(leaves: readonly Buffer[]): readonly Buffer[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return [...pathOf(leaves.slice(split)), rootOf(leaves.slice(0, split))];
}

/** The largest power of two smaller than n. */
function splitOf(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}
