// The yardstick of attest: reads, decompresses and hashes each byte of a node set once, and does nothing else.
//   node read-and-hash.ts IMAGE SYSEXT…
// Once, as whole files: the image, the extensions given, and those that nodes merge from inside the image. Once, as
// decompressed content: each file of /usr and of every extension. No second hash of the same bytes is in it: neither the
// verity tree of /usr nor its update payload, which attest computes as well. It has attest's own readers, hashing threads
// and cores: a digest of the whole runs beside the files of a tree, which two threads share where there is a third core.
// (On two cores a helper is slower: it takes time from the one digest that all wait for.)
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Digest, limits, memorySource, sliceSource } from '../../../pipeline/core/index.ts';
import { openFileSource } from '../../../pipeline/edge/files/index.ts';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { type FileTree, readFile, type TreeNode, walk } from '../../../pipeline/formats/file-tree/index.ts';
import {
  findNestedFiles,
  locateTree,
  openFileTree,
  openNodeImage,
  placeTree,
  type TreeLocation,
} from '../../../pipeline/image/index.ts';

/** What the second thread is given: a tree, inodes that were hashed already, and the counter of files taken. */
type Task = { readonly location: TreeLocation; readonly done: ReadonlySet<number>; readonly counter: Int32Array };

if (isMainThread) await readSet(process.argv[2] ?? '', process.argv.slice(3));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
else parentPort?.on('message', (task: Task) => parentPort?.postMessage(hashShare(openLocated(task), task)));

async function readSet(image: string, sysexts: readonly string[]): Promise<void> {
  await using pool = openHashingPool();
  const helper = openHelper();
  using source = openFileSource(image);
  const digests = [pool.digestSource(source, ['sha256'])];
  let files = 0;

  const opened = openNodeImage(source);
  const done = new Set<number>();
  for (const { tree, node, path } of findNestedFiles(opened).files) {
    const stored = tree.source?.(node);
    const nested = stored ?? memorySource(readFile(tree, node, limits.nestedImageBytes, path), path);
    digests.push(pool.digestSource(nested, ['sha256']));
    if (tree === opened.usr.tree) done.add(node.id);
    files += await helper.hashFiles(openFileTree(nested));
  }
  files += await helper.hashFiles(opened.usr.tree, done);
  for (const path of sysexts) {
    const file = openFileSource(path);
    digests.push(pool.digestSource(file, ['sha256']));
    files += await helper.hashFiles(openFileTree(file));
  }

  console.log(`${files} files`);
  for (const [digest] of await Promise.all(digests)) console.log(digest === undefined ? '' : Digest.format(digest));
  helper.end();
}

function openHelper() {
  const worker = new Worker(new URL(import.meta.url), { execArgv: [] });
  return {
    /** Hashes every file of a tree with two threads, and tells how many there were. */
    async hashFiles(tree: FileTree, done: ReadonlySet<number> = new Set()): Promise<number> {
      const location = locateTree(tree);
      const counter = new Int32Array(new SharedArrayBuffer(4));
      const answer = new Promise<number>((settle) => {
        if (location === undefined || availableParallelism() < 3) return settle(0);
        worker.once('message', settle);
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        worker.postMessage({ location, done, counter } satisfies Task);
      });
      return hashShare(tree, { done, counter }) + (await answer);
    },
    end: () => void worker.terminate(),
  };
}

function openLocated({ location }: Task): FileTree {
  const file = openFileSource(location.path);
  const bare = openFileTree(sliceSource(file, location.offsetBytes, location.sizeBytes, location.path));
  return location.placedAt === null ? bare : placeTree(bare, location.placedAt);
}

function hashShare(tree: FileTree, { done, counter }: Pick<Task, 'done' | 'counter'>): number {
  const work = listFiles(tree, done);
  let count = 0;
  for (let at = Atomics.add(counter, 0, 1); at < work.length; at = Atomics.add(counter, 0, 1)) {
    const state = createHash('sha256');
    for (const chunk of tree.chunks(work[at] as TreeNode)) state.update(chunk);
    state.digest();
    count++;
  }
  return count;
}

/** Every regular file once, whatever names it has. */
function listFiles(tree: FileTree, done: ReadonlySet<number>): readonly TreeNode[] {
  const files = new Map<number, TreeNode>();
  for (const { node } of walk(tree)) if (node.kind === 'file' && !done.has(node.id)) files.set(node.id, node);
  return [...files.values()];
}
