import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Digest, type DigestAlgorithm, Fault, type Source } from '../../core/index.ts';
import { hashLeavesInline, type LeafHasher, type LeafPlan } from '../../formats/verity/index.ts';
import { openFileSource } from '../files/index.ts';
import type { Task, TaskAnswer } from './task.ts';
import { runHashingThread } from './worker.ts';

/** Threads that hash, one per core, started when the first task comes and idle without holding the process. */
export type HashingPool = AsyncDisposable & {
  /** For verifyVerityTree: all cores on one partition. Sources in memory and small ones are hashed in this thread. */
  readonly hashLeaves: LeafHasher;
  /** Digests of a whole source, in the order asked, one thread per algorithm. Faults: file.read. */
  digestSource(source: Source, algorithms: readonly DigestAlgorithm[]): Promise<readonly Digest[]>;
  /** As digestSource, of a file or block device. Faults: also file.missing, file.permission, file.kind. */
  digestFile(path: string, algorithms: readonly DigestAlgorithm[]): Promise<readonly Digest[]>;
};

/** A digest is garbage as soon as it is in its place: a small young generation keeps them from piling up. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 } as const;

/** Below this a thread's start costs more than it saves. */
const inlineBytes = 16 * 1024 * 1024;

export function openHashingPool(threads: number = availableParallelism()): HashingPool {
  const crew = new Crew(threads);
  const pool: HashingPool = {
    async hashLeaves(data, plan, level) {
      const { location } = data;
      const isShared = level.buffer instanceof SharedArrayBuffer;
      if (location === undefined || !isShared || plan.blocks * plan.blockBytes < inlineBytes)
        return hashLeavesInline(data, plan, level);
      const nextGroup = new Int32Array(new SharedArrayBuffer(4));
      const task: Task = { kind: 'leaves', ...location, plan, level, nextGroup };
      await runAll(
        crew,
        data,
        Array.from({ length: usefulThreads(threads, plan) }, () => task),
      );
    },
    digestSource(source, algorithms) {
      const digests = digestSource(crew, source, algorithms);
      // Where an image is refused while it is still hashed, nobody waits for its digests any more: that is no bug.
      digests.catch(() => undefined);
      return digests;
    },
    async digestFile(path, algorithms) {
      using source = openFileSource(path);
      return await pool.digestSource(source, algorithms);
    },
    [Symbol.asyncDispose]: () => crew.dismiss(),
  };
  return pool;
}

async function digestSource(
  crew: Crew,
  source: Source,
  algorithms: readonly DigestAlgorithm[],
): Promise<readonly Digest[]> {
  const { location, sizeBytes } = source;
  if (location === undefined || sizeBytes < inlineBytes)
    return algorithms.map((algorithm) => Digest.ofChunks(algorithm, chunksOf(source)));
  const tasks = algorithms.map((algorithm): Task => ({ kind: 'digest', ...location, sizeBytes, algorithm }));
  const digests = await runAll(crew, source, tasks);
  return algorithms.map((algorithm, index) => Digest.fromHex(algorithm, digests[index] ?? ''));
}

function usefulThreads(threads: number, { blocks, hashesPerBlock }: LeafPlan): number {
  return Math.min(threads, Math.ceil(blocks / hashesPerBlock));
}

const chunkBytes = 256 * 1024;

function* chunksOf(source: Source): Generator<Uint8Array> {
  for (let start = 0; start < source.sizeBytes; start += chunkBytes)
    yield source.read(start, Math.min(chunkBytes, source.sizeBytes - start));
}

/** All tasks end before this does, so that nobody writes to shared memory or reads a closed file afterwards. */
async function runAll(crew: Crew, source: Source, tasks: readonly Task[]): Promise<readonly string[]> {
  const answers = await Promise.all(tasks.map((task) => crew.run(task)));
  return answers.map((answer) => {
    if ('hex' in answer) return answer.hex;
    throw new Fault('file.read', `Cannot read ${source.name}: ${answer.problem}`, { where: source.name });
  });
}

type Waiting = { readonly task: Task; readonly settle: (answer: TaskAnswer) => void };

/** Threads and a queue: each task is done by the first thread that is free. */
class Crew {
  readonly #threads: number;
  readonly #all = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #queue: Waiting[] = [];
  readonly #busy = new Map<Worker, Waiting>();

  constructor(threads: number) {
    this.#threads = Math.max(1, threads);
  }

  run(task: Task): Promise<TaskAnswer> {
    return new Promise((settle) => {
      this.#queue.push({ task, settle });
      this.#assign();
    });
  }

  async dismiss(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #assign(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#all.size < this.#threads ? this.#hire() : undefined);
      const next = worker === undefined ? undefined : this.#queue.shift();
      if (worker === undefined || next === undefined) return;
      this.#busy.set(worker, next);
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(next.task);
    }
  }

  #hire(): Worker {
    // The parent's flags, such as a loader's, are not its business.
    const worker = new Worker(`(${runHashingThread})()`, { eval: true, execArgv: [], name: 'hashing', resourceLimits });
    this.#all.add(worker);
    worker.on('message', (answer: TaskAnswer) => {
      const done = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      worker.unref();
      done?.settle(answer);
      this.#assign();
    });
    worker.on('error', (error) => this.#lose(worker, String(error)));
    worker.on('exit', (code) => this.#lose(worker, `exit ${code}`));
    return worker;
  }

  /** A thread that dies, of no memory for instance, answers its task all the same. */
  #lose(worker: Worker, why: string): void {
    const unfinished = this.#busy.get(worker);
    this.#busy.delete(worker);
    this.#all.delete(worker);
    const index = this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
    unfinished?.settle({ problem: `the hashing thread ended: ${why}` });
    this.#assign();
  }
}
