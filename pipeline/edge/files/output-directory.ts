import { chmodSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../../core/index.ts';
import { flushDirectory, flushFile } from './flush.ts';
import { isSystemError } from './open-file.ts';

/**
 * Makes a directory with everything in it, or nothing at all: `write` fills a private directory beside the target, which
 * is flushed to disk and renamed at the end. A target that is an empty directory is replaced; anything else that stands
 * there is refused before `write` runs, and again by the rename itself should it appear meanwhile. A symbolic link is
 * never followed to a target.
 * @param write fills the directory whose path it is given; its faults pass through and leave nothing behind
 * Faults: usage.output, file.missing, file.write (also for errors of the operating system in `write`), those of `write`.
 */
export async function writeDirectoryAtomically(
  outDir: string,
  write: (directory: string) => void | Promise<void>,
): Promise<void> {
  try {
    const target = resolve(outDir);
    refuseOccupied(outDir, target);
    await build(outDir, makeBuildingDirectory(outDir, target), target, write);
  } catch (error) {
    throw isSystemError(error) ? notWritten(outDir, error) : error;
  }
}

async function build(
  outDir: string,
  building: string,
  target: string,
  write: (directory: string) => void | Promise<void>,
): Promise<void> {
  const release = removeOnSignal(building);
  try {
    await write(building);
    flushTree(building);
    chmodSync(building, 0o755);
    moveIntoPlace(outDir, building, target);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    throw error;
  } finally {
    release();
  }
}

function notWritten(outDir: string, error: Error & { readonly code: string }): Fault {
  return new Fault('file.write', `Cannot write directory ${outDir}: ${error.code}`, {
    where: outDir,
    next: 'Name a directory on a file system where you may write and that has room',
    cause: error,
  });
}

function refuseOccupied(outDir: string, target: string): void {
  const stats = lstatSync(target, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) throw occupied(outDir, `it is ${kindOf(stats)}, want a new or an empty directory`);
  const [first] = readdirSync(target);
  if (first !== undefined)
    throw occupied(outDir, `it already holds ${JSON.stringify(first)}, want a new or an empty directory`);
}

function occupied(outDir: string, problem: string): Fault {
  return new Fault('usage.output', `Cannot write directory ${outDir}: ${problem}`, {
    where: outDir,
    next: 'Name another directory, or remove this one first',
  });
}

function kindOf(stats: Stats): string {
  return stats.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
}

/** Beside the target, so that the rename stays within one file system; mkdtemp gives a new name and mode 0700. */
function makeBuildingDirectory(outDir: string, target: string): string {
  const parent = dirname(target);
  const stats = lstatSync(`${parent}/.`, { throwIfNoEntry: false });
  if (stats === undefined)
    throw new Fault('file.missing', `Cannot write directory ${outDir}: ${parent} does not exist`, {
      where: outDir,
      next: `Make it first: mkdir -p ${parent}`,
    });
  return mkdtempSync(join(parent, `.${basename(target)}.partial-`));
}

/** The content reaches the disk before the name does: a crash leaves the whole directory or none. */
function flushTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) flushTree(path);
    else if (entry.isFile()) flushFile(path);
  }
  flushDirectory(directory);
}

function moveIntoPlace(outDir: string, building: string, target: string): void {
  try {
    renameSync(building, target);
  } catch (error) {
    if (isSystemError(error) && ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(error.code))
      throw occupied(outDir, 'something else was put there meanwhile, want a new or an empty directory');
    throw error;
  }
  flushDirectory(dirname(target));
}

/** An interrupted run leaves no partial directory either. */
function removeOnSignal(directory: string): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const remove = (signal: NodeJS.Signals) => {
    rmSync(directory, { recursive: true, force: true });
    release();
    process.kill(process.pid, signal);
  };
  const release = () => {
    for (const signal of signals) process.removeListener(signal, remove);
  };
  for (const signal of signals) process.once(signal, remove);
  return release;
}
