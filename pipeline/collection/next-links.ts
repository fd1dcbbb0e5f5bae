import { Fault } from '../core/index.ts';
import { isMerge, stackMounts } from '../evidence/index.ts';
import { type FileTree, resolve } from '../formats/file-tree/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import { readSysext } from '../image/index.ts';
import { refuseMany } from './collect-flatcar.ts';
import type { NextLinks } from './next-world.ts';
import type { NodeWorld } from './world.ts';

const directory = '/etc/extensions';
/** What Flatcar's /etc is laid over (bootengine, initrd-setup-root), and the confexts that newer releases have in its place. */
const lowerEtc = '/usr/share/flatcar/etc';
const lower = `${lowerEtc}/extensions`;
const builtInConfexts = '/usr/lib/confexts';

/**
 * The names in /etc/extensions that come with /usr, as the next /usr brings them: /etc is an overlay that keeps what was changed
 * in it, so that all else changes with an update.
 *
 * @param next the files with the next /usr
 * Faults: unavailable.confext-extension, limit.extensions, file.*, and those of readSysext.
 */
export async function linkLowerEtc(
  world: NodeWorld,
  next: NodeWorld,
  mounts: readonly MountLine[],
): Promise<NextLinks> {
  const links = new Map<string, string | null>();
  if (!stackMounts(mounts, '/etc').some(comesWithUsr)) return links;
  const shown = new Set(world.listNames(directory));
  const [before, after] = [await listLower(world), await listLower(next)];
  for (const name of new Set([...shown, ...before.keys(), ...after.keys()])) {
    const old = before.get(name);
    const isUnchanged = shown.has(name) && old !== undefined && isSame(world, name, old);
    // What comes with /usr and is not shown was removed, and stays so.
    const isFree = !shown.has(name) && old === undefined;
    const target = after.get(name);
    if (target !== undefined && (isUnchanged || isFree)) links.set(`${directory}/${name}`, target);
    else if (isUnchanged) links.set(`${directory}/${name}`, null);
  }
  return links;
}

function comesWithUsr(mount: MountLine): boolean {
  const layers = mount.superOptions.find((option) => option.startsWith('lowerdir='))?.split(/[=:]/) ?? [];
  return (
    isMerge(mount, 'confext') || (mount.fileSystem === 'overlay' && layers.some((layer) => layer.endsWith(lowerEtc)))
  );
}

/** Names with where they lead, in one /usr. */
async function listLower(files: NodeWorld): Promise<ReadonlyMap<string, string>> {
  const entries = new Map(
    refuseMany(lower, files.listNames(lower) ?? []).map((name) => {
      const path = `${lower}/${name}`;
      return [name, files.readLink(path) ?? path];
    }),
  );
  for (const fileName of refuseMany(builtInConfexts, files.listNames(builtInConfexts) ?? [])) {
    const path = `${builtInConfexts}/${fileName}`;
    if (!fileName.endsWith('.raw') || files.place(path)?.kind !== 'file') continue;
    using source = files.openSource(path);
    const { tree } = await readSysext(source, files.hashLeaves, fileName.slice(0, -'.raw'.length));
    for (const [name, target] of listLinks(tree, path)) entries.set(name, target);
  }
  return entries;
}

function listLinks(tree: FileTree, path: string): readonly (readonly [string, string])[] {
  const node = resolve(tree, directory);
  if (node?.kind !== 'directory') return [];
  return tree.list(node).map((entry) => {
    if (entry.node.kind === 'symlink') return [entry.name, tree.target(entry.node)];
    throw new Fault(
      'unavailable.confext-extension',
      `Cannot tell what the next boot merges: ${path} holds ${entry.name}`,
      {
        where: path,
        next: 'Have the configuration extension link to an image instead',
      },
    );
  });
}

function isSame(world: NodeWorld, name: string, old: string): boolean {
  const target = world.readLink(`${directory}/${name}`);
  if (target !== undefined) return target === old;
  const [file, below] = [world.place(`${directory}/${name}`), world.place(old)];
  return old === `${lower}/${name}` && file?.kind === below?.kind && file?.sizeBytes === below?.sizeBytes;
}
