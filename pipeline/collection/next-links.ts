import { stackMounts } from '../evidence/index.ts';
import { type FileTree, resolve } from '../formats/file-tree/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import type { NextLinks } from './next-world.ts';
import type { NodeWorld } from './world.ts';

const directory = '/etc/extensions';
/** What Flatcar's /etc is laid over (bootengine, initrd-setup-root). */
const lowerEtc = '/usr/share/flatcar/etc';
const lower = `${lowerEtc}/extensions`;

/**
 * The names in /etc/extensions that come from /usr, as the next /usr has them: /etc is an overlay that keeps what was changed
 * in it, so that all else changes with an update.
 *
 * @param usr the tree of the next /usr, placed at /usr
 */
export function linkLowerEtc(world: NodeWorld, mounts: readonly MountLine[], usr: FileTree): NextLinks {
  const links = new Map<string, string | null>();
  if (!stackMounts(mounts, '/etc').some(isOverUsr)) return links;
  const shown = new Set(world.listNames(directory));
  const before = new Set(world.listNames(lower));
  const after = new Set(listTree(usr));
  for (const name of new Set([...shown, ...before, ...after])) {
    const isUnchanged = shown.has(name) && before.has(name) && isSame(world, name);
    // What is below and not shown was removed, and stays so.
    const isFree = !shown.has(name) && !before.has(name);
    if (after.has(name) && (isUnchanged || isFree)) links.set(`${directory}/${name}`, `${lower}/${name}`);
    else if (isUnchanged) links.set(`${directory}/${name}`, null);
  }
  return links;
}

function isOverUsr({ fileSystem, superOptions }: MountLine): boolean {
  const layers = superOptions.find((option) => option.startsWith('lowerdir='))?.split(/[=:]/) ?? [];
  return fileSystem === 'overlay' && layers.some((layer) => layer.endsWith(lowerEtc));
}

function listTree(usr: FileTree): readonly string[] {
  const node = resolve(usr, lower);
  return node?.kind === 'directory' ? usr.list(node).map(({ name }) => name) : [];
}

function isSame(world: NodeWorld, name: string): boolean {
  const [target, below] = [world.readLink(`${directory}/${name}`), world.readLink(`${lower}/${name}`)];
  if (target !== undefined || below !== undefined) return target === below;
  const [file, lowerFile] = [world.place(`${directory}/${name}`), world.place(`${lower}/${name}`)];
  return file?.kind === lowerFile?.kind && file?.sizeBytes === lowerFile?.sizeBytes;
}
