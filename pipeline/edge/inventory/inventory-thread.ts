import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { sliceSource } from '../../core/index.ts';
import { openFileTree, placeTree, type TreeLocation } from '../../image/index.ts';
import { examineShare, type FileFindings, type InventoryOptions, listContent } from '../../inventory/index.ts';
import { openFileSource } from '../files/index.ts';

/** What the thread is asked: which tree, and the counter that it shares with whoever asks. */
type Task = {
  readonly nodeproof: 'inventory';
  readonly location: TreeLocation;
  readonly mount: InventoryOptions['mount'];
  readonly counter: Int32Array;
};

/** What is decompressed is garbage as soon as it is hashed: a small young generation keeps it from piling up. */
const resourceLimits = { maxYoungGenerationSizeMb: 6 } as const;

/** This module is the thread's program too, so that a bundle needs no second file. */
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
if (!isMainThread && isTask(workerData)) parentPort?.postMessage(examine(workerData));

/**
 * Examines files of a tree on another core. Whatever goes wrong there, the answer is what it has: its caller examines the
 * rest and meets the same fault.
 */
export function startInventoryThread(
  location: TreeLocation,
  mount: InventoryOptions['mount'],
  counter: Int32Array,
): Promise<ReadonlyMap<number, FileFindings>> {
  const task: Task = { nodeproof: 'inventory', location, mount, counter };
  const worker = new Worker(startText(), {
    eval: true,
    workerData: task,
    execArgv: [],
    name: 'inventory',
    resourceLimits,
  });
  return new Promise((settle) => {
    const give = (findings: ReadonlyMap<number, FileFindings>): void => {
      settle(findings);
      void worker.terminate();
    };
    worker.once('message', give);
    worker.once('error', () => give(new Map()));
    worker.once('exit', () => settle(new Map()));
  });
}

/** A thread keeps no compile cache by itself; from sources it would load the type stripper, 60 MiB, for nothing. */
function startText(): string {
  const cache = getCompileCacheDir();
  const keep =
    cache === undefined ? '' : `require('node:module').enableCompileCache(${JSON.stringify(dirname(cache))});`;
  return `${keep}import(${JSON.stringify(import.meta.url)})`;
}

function examine({ location, mount, counter }: Task): ReadonlyMap<number, FileFindings> {
  try {
    using file = openFileSource(location.path);
    const source = sliceSource(file, location.offsetBytes, location.sizeBytes, location.path);
    const bare = openFileTree(source);
    const tree = location.placedAt === null ? bare : placeTree(bare, location.placedAt);
    return examineShare(tree, listContent(tree, mount).work, counter);
  } catch {
    return new Map();
  }
}

function isTask(value: unknown): value is Task {
  return typeof value === 'object' && value !== null && 'nodeproof' in value && value.nodeproof === 'inventory';
}
