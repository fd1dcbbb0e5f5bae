import { Fault, limits } from '../core/index.ts';
import { comparedPlaces, type Evidence, isWatched, locateOn, type Mount } from '../evidence/index.ts';
import { type MountLine, parseMountinfo } from '../formats/mountinfo/index.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

const own = '/proc/self/mountinfo';
const node = '/proc/1/mountinfo';

/** The mount table that is judged, and how this run's own view differs from it. */
export type MountTable = { readonly mounts: readonly MountLine[]; readonly view: Evidence['mountView'] };

/**
 * The mounts of the node: those of its first process, where it shows them. A verifier in a mount namespace of its own sees
 * other files than the node runs. Fault: unavailable.node-table.
 */
export function collectMounts(world: NodeWorld, notes: Notes): MountTable {
  const mine = notes.attemptTable(own, () => readMounts(world, own) ?? missing(own), []);
  const theirs = notes.attemptTable(node, () => readMounts(world, node), undefined);
  if (theirs === undefined) return { mounts: mine, view: { source: own, differences: [] } };
  return { mounts: theirs, view: { source: node, differences: compareViews(mine, theirs) } };
}

/** What was read before and after a merge belongs to no state that the node was ever in. Fault: unavailable.node-table. */
export function refuseRemounts(world: NodeWorld, { mounts, view }: MountTable, notes: Notes): void {
  if (mounts.length === 0) return;
  notes.attemptTable(
    view.source,
    () => {
      const after = readMounts(world, view.source) ?? missing(view.source);
      if (JSON.stringify(watchedOf(mounts)) !== JSON.stringify(watchedOf(after)))
        throw new Fault('file.changed', 'Cannot tell what is mounted: it changed while it was looked at', {
          next: 'Try again when nothing is merged or mounted',
        });
    },
    undefined,
  );
}

/** A mount as evidence has it. */
export function mountFacts(mount: MountLine): Mount {
  return { ...mount, options: [...mount.options], superOptions: [...mount.superOptions] };
}

function readMounts(world: NodeWorld, path: string): readonly MountLine[] | undefined {
  const bytes = world.readBytes(path, limits.mountTableBytes);
  if (bytes === undefined) return undefined;
  const mounts = parseMountinfo(bytes);
  refuseUntold(watchedOf(mounts), path);
  return mounts;
}

/**
 * What evidence has of a mount must be told exactly. Elsewhere a name may be any bytes: who may create a pod may choose it.
 * Faults: limit.watched-mounts, mountinfo.text.
 */
function refuseUntold(watched: readonly MountLine[], path: string): void {
  if (watched.length > limits.watchedMounts)
    throw new Fault(
      'limit.watched-mounts',
      `Cannot tell what is mounted: ${watched.length} mounts where evidence looks, want at most ${limits.watchedMounts}`,
      { where: path },
    );
  const untold = watched.find((mount) => !isText(mount));
  if (untold !== undefined)
    throw new Fault(
      'mountinfo.text',
      `Cannot tell what is mounted: the mount at ${JSON.stringify(untold.mountPoint)} is told in bytes that are not UTF-8`,
      { where: path },
    );
}

function isText(mount: MountLine): boolean {
  return Object.values(mount)
    .flat()
    .every((part) => typeof part !== 'string' || part.isWellFormed());
}

function watchedOf(mounts: readonly MountLine[]): readonly MountLine[] {
  return mounts.filter((mount) => isWatched(mount.mountPoint));
}

/** Paths that are on another file system, or on another directory of it. Numbers of mounts differ between namespaces. */
function compareViews(mine: readonly MountLine[], theirs: readonly MountLine[]): string[] {
  const [locateMine, locateTheirs] = [locateOn(mine), locateOn(theirs)];
  const mounted = [...mine, ...theirs].map((mount) => mount.mountPoint).filter(isWatched);
  return [...new Set([...comparedPlaces, ...mounted])]
    .filter((path) => locateMine(path) !== locateTheirs(path))
    .slice(0, 64);
}

function missing(path: string): never {
  throw new Fault('file.missing', `Cannot open ${path}: no such file`, { where: path });
}
