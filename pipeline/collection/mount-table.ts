import { Fault } from '../core/index.ts';
import { comparedPlaces, type Evidence, isWatched, locateOn, type Mount } from '../evidence/index.ts';
import { type MountLine, parseMountinfo } from '../formats/mountinfo/index.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

const texts = 16 * 1024 * 1024;
const own = '/proc/self/mountinfo';
const node = '/proc/1/mountinfo';

/** The mount table that is judged, and how this run's own view differs from it. */
export type MountTable = { readonly mounts: readonly MountLine[]; readonly view: Evidence['mountView'] };

/**
 * The mounts of the node: those of its first process, where it shows them. A verifier in a mount namespace of its own sees
 * other files than the node runs.
 */
export function collectMounts(world: NodeWorld, notes: Notes): MountTable {
  const mine = notes.attempt(own, () => readMounts(world, own) ?? missing(own), []);
  const theirs = notes.attempt(node, () => readMounts(world, node), undefined);
  if (theirs === undefined) return { mounts: mine, view: { source: own, differences: [] } };
  return { mounts: theirs, view: { source: node, differences: compareViews(mine, theirs) } };
}

/** What was read before and after a merge belongs to no state that the node was ever in. */
export function refuseRemounts(world: NodeWorld, { mounts, view }: MountTable, notes: Notes): void {
  if (mounts.length === 0) return;
  notes.attempt(
    view.source,
    () => {
      const after = readMounts(world, view.source) ?? missing(view.source);
      if (watchedOf(mounts) !== watchedOf(after))
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
  const text = world.readText(path, texts);
  return text === undefined ? undefined : parseMountinfo(text);
}

function watchedOf(mounts: readonly MountLine[]): string {
  return JSON.stringify(mounts.filter((mount) => isWatched(mount.mountPoint)));
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
