import { compareText, Fault, limits } from '../core/index.ts';
import { parseUnitFile, type UnitSetting } from '../formats/systemd-unit/index.ts';
import { configurationDirectories, listDropInFolders, unitDirectories } from './load-path.ts';
import type { UnitTree } from './unit-tree.ts';

/** A setting with the file that it stands in. */
export type PlacedSetting = UnitSetting & { readonly file: string };

/** A unit as systemd puts it together: its fragment, then its drop-ins. */
export type Unit = {
  readonly name: string;
  /** A fragment that is empty or leads to /dev/null: nothing starts the unit. */
  readonly isMasked: boolean;
  readonly fragment: string;
  /** Where the fragment's path leads: elsewhere for a link. */
  readonly resolvedFragment: string;
  /** Other names that are links to it: their drop-ins count, too. */
  readonly aliases: readonly string[];
  /** In the order in which they are read. */
  readonly dropIns: readonly string[];
  readonly settings: readonly PlacedSetting[];
};

/** The other names of units: those in a unit directory that lead to a unit of another name there. */
export type UnitAliases = ReadonlyMap<string, readonly string[]>;

/** Looks at every name in the unit directories, once for all units that are read. Faults: file.*, limit.units, bytes.utf8. */
export function listAliases(tree: UnitTree): UnitAliases {
  const aliases = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const directory of unitDirectories) {
    const names = (tree.listNames(directory) ?? []).filter((name) => unitName.test(name));
    if (names.length > limits.units)
      throw new Fault(
        'limit.units',
        `Cannot look at ${directory}: ${names.length} units, want at most ${limits.units}`,
        { where: directory },
      );
    for (const name of names) {
      if (seen.has(name)) continue;
      const path = tree.place(`${directory}/${name}`)?.path;
      if (path === undefined) continue;
      seen.add(name);
      const target = path.slice(path.lastIndexOf('/') + 1);
      if (target !== name && unitDirectories.some((one) => path === `${one}/${target}`))
        aliases.set(target, [...(aliases.get(target) ?? []), name]);
    }
  }
  return aliases;
}

const unitName = /\.(?:service|socket|timer|path|target|mount|automount|slice|scope|swap|device)$/;

/** Reads a unit; undefined where there is none. Faults: file.*, limit.*, bytes.utf8. */
export function readUnit(tree: UnitTree, name: string, aliases: UnitAliases = new Map()): Unit | undefined {
  const [found] = unitDirectories.flatMap((directory) => {
    const placed = tree.place(`${directory}/${name}`);
    return placed === undefined ? [] : [{ fragment: `${directory}/${name}`, placed }];
  });
  if (found === undefined) return undefined;
  const { fragment, placed } = found;
  const own = fragmentName(placed.path, name);
  const others = [...new Set([own, name, ...(aliases.get(own) ?? []), ...(aliases.get(name) ?? [])])].filter(
    (one) => one !== name,
  );
  const isMasked = placed.kind === 'character-device' || (placed.kind === 'file' && placed.sizeBytes === 0);
  const base = { name, fragment, resolvedFragment: placed.path, aliases: others };
  if (isMasked) return { ...base, isMasked, dropIns: [], settings: [] };
  const dropIns = listDropIns(tree, listDropInFolders(name, others));
  const settings = [fragment, ...dropIns].flatMap((path) => readSettings(tree, path));
  return { ...base, isMasked, dropIns, settings };
}

/** A link to another unit is an alias of that one; a link out of the unit directories only says where the file lies. */
function fragmentName(path: string, name: string): string {
  const target = path.slice(path.lastIndexOf('/') + 1);
  return unitDirectories.some((directory) => path === `${directory}/${target}`) ? target : name;
}

/** Reads `NAME` and `NAME.d/*.conf` of systemd's own configuration. Faults: file.*, limit.*, bytes.utf8. */
export function readConfiguration(tree: UnitTree, name: string): readonly PlacedSetting[] {
  const main = configurationDirectories
    .map((directory) => `${directory}/${name}`)
    .find((path) => tree.place(path) !== undefined);
  const dropIns = listDropIns(
    tree,
    configurationDirectories.map((directory) => `${directory}/${name}.d`),
  );
  return [...(main === undefined ? [] : [main]), ...dropIns].flatMap((path) => readSettings(tree, path));
}

/** Of files of one name the first counts; they are read in the order of their names, wherever they lie. */
function listDropIns(tree: UnitTree, folders: readonly string[]): readonly string[] {
  const chosen = new Map<string, string>();
  for (const folder of folders)
    for (const file of tree.listNames(folder) ?? [])
      if (file.endsWith('.conf') && !chosen.has(file)) chosen.set(file, `${folder}/${file}`);
  if (chosen.size > limits.dropIns)
    throw new Fault('limit.drop-ins', `Cannot read a unit: ${chosen.size} drop-ins, want at most ${limits.dropIns}`, {
      where: folders[0] ?? '',
    });
  return [...chosen].sort(([a], [b]) => compareText(a, b)).map(([, path]) => path);
}

function readSettings(tree: UnitTree, path: string): readonly PlacedSetting[] {
  if (tree.place(path)?.kind !== 'file') return [];
  const text = tree.readText(path, limits.unitFileBytes) ?? '';
  return parseUnitFile(text).map((setting) => ({ ...setting, file: path }));
}
