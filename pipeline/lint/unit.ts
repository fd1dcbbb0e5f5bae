import type { NodeWorld } from '../collection/index.ts';
import { limits } from '../core/index.ts';
import { parseUnitFile, type UnitSetting } from '../formats/systemd-unit/index.ts';

/** A setting with the file that it stands in. */
export type PlacedSetting = UnitSetting & { readonly file: string };

/** A unit as systemd puts it together: its fragment, then its drop-ins. */
export type Unit = {
  readonly name: string;
  readonly isMasked: boolean;
  readonly fragment: string;
  readonly settings: readonly PlacedSetting[];
};

/** systemd.unit(5), "Unit File Load Path": what an administrator writes stands before what the system ships. */
const unitDirectories = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
] as const;

/** Where files such as sysext.conf lie. */
const configurationDirectories = [
  '/etc/systemd',
  '/run/systemd',
  '/usr/local/lib/systemd',
  '/usr/lib/systemd',
] as const;

/** Reads a unit; undefined where there is none. Faults: file.*, limit.*, bytes.utf8. */
export function readUnit(world: NodeWorld, name: string): Unit | undefined {
  const fragment = unitDirectories
    .map((directory) => `${directory}/${name}`)
    .find((path) => world.place(path) !== undefined);
  if (fragment === undefined) return undefined;
  if (world.place(fragment)?.kind === 'character-device') return { name, isMasked: true, fragment, settings: [] };
  const dropIns = listDropIns(world, unitDirectories, dropInNames(name));
  return {
    name,
    isMasked: false,
    fragment,
    settings: [fragment, ...dropIns].flatMap((path) => readSettings(world, path)),
  };
}

/** Reads `NAME` and `NAME.d/*.conf` of systemd's own configuration. Faults: file.*, limit.*, bytes.utf8. */
export function readConfiguration(world: NodeWorld, name: string): readonly PlacedSetting[] {
  const main = configurationDirectories
    .map((directory) => `${directory}/${name}`)
    .find((path) => world.place(path) !== undefined);
  const dropIns = listDropIns(world, configurationDirectories, [`${name}.d`]);
  return [...(main === undefined ? [] : [main]), ...dropIns].flatMap((path) => readSettings(world, path));
}

/** The values of a list setting such as `ExecStart=`: an empty one takes back those before it. */
export function listValues(
  settings: readonly PlacedSetting[],
  section: string,
  name: string,
): readonly PlacedSetting[] {
  const values: PlacedSetting[] = [];
  for (const setting of settings) {
    if (setting.section.toLowerCase() !== section.toLowerCase() || setting.name !== name) continue;
    if (setting.value === '') values.length = 0;
    else values.push(setting);
  }
  return values;
}

/** `a-b.service` takes drop-ins of its own, of `a-.service` and of all services. */
function dropInNames(name: string): readonly string[] {
  const type = name.slice(name.lastIndexOf('.') + 1);
  const words = name.slice(0, -type.length - 1).split('-');
  const prefixes = words.slice(0, -1).map((_, at) => `${words.slice(0, at + 1).join('-')}-.${type}.d`);
  return [`${name}.d`, ...prefixes.reverse(), `${type}.d`];
}

/** Of files of one name the first counts; they are read in the order of their names, wherever they lie. */
function listDropIns(world: NodeWorld, directories: readonly string[], folders: readonly string[]): readonly string[] {
  const chosen = new Map<string, string>();
  for (const folder of folders)
    for (const directory of directories)
      for (const file of world.listNames(`${directory}/${folder}`) ?? [])
        if (file.endsWith('.conf') && !chosen.has(file)) chosen.set(file, `${directory}/${folder}/${file}`);
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function readSettings(world: NodeWorld, path: string): readonly PlacedSetting[] {
  if (world.place(path)?.kind !== 'file') return [];
  const text = world.readText(path, limits.unitFileBytes) ?? '';
  return parseUnitFile(text).map((setting) => ({ ...setting, file: path }));
}
