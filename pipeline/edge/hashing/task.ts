import type { DigestAlgorithm } from '../../core/index.ts';
import type { LeafPlan } from '../../formats/verity/index.ts';

/** What a hashing thread is asked. The path is opened by the thread; offsets count from the start of that file. */
export type Task = DigestTask | LeafTask;

export type DigestTask = {
  readonly kind: 'digest';
  readonly path: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly algorithm: DigestAlgorithm;
};

/** One of several equal tasks on the same memory: each takes the next group until all are taken. */
export type LeafTask = {
  readonly kind: 'leaves';
  readonly path: string;
  readonly offsetBytes: number;
  readonly plan: LeafPlan;
  /** Shared: digests of all blocks. */
  readonly level: Uint8Array;
  /** Shared: the number of the next group of blocks that nobody has taken. */
  readonly nextGroup: Int32Array;
};

/** What a thread answers: a digest (empty for leaves), or why there is none. */
export type TaskAnswer = { readonly hex: string } | { readonly problem: string };
