import { Fault, limits } from '../core/index.ts';
import { splitCommand } from '../formats/systemd-unit/index.ts';
import { dropInPath, isOwnDropIn, isOwnUnit, ownUnits, startingLinks } from '../installation/index.ts';
import { type Evidence, isWithin, type UnitState, watchedUnits, workloads } from '../evidence/index.ts';
import {
  listAliases,
  listEffective,
  listProgramPaths,
  listValues,
  parseCommands,
  type PlacedSetting,
  readConfiguration,
  readUnit,
  type Unit,
} from '../units/index.ts';
import { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

const nothing = { value: null, grade: 'claimed' } as const;

/**
 * The units that gate, judge or run the node, as systemd puts them together from its files, and what else reaches into every
 * service.
 *
 * @param digestPrograms whether to read the programs as a whole: what lies in /usr is known by the digests of its images
 */
export async function collectUnits(world: NodeWorld, digestPrograms: boolean): Promise<Evidence['units']> {
  const notes = new Notes();
  const aliases = notes.attempt('/etc/systemd/system', () => listAliases(world), new Map());
  const found: UnitState[] = [];
  for (const name of watchedUnits) {
    const unit = notes.attempt(name, () => readUnit(world, name, aliases), undefined);
    found.push(await describeUnit(name, unit, world, digestPrograms, notes));
  }
  return {
    found,
    preload: notes.attempt('/etc/ld.so.preload', () => readPreload(world), []),
    managerEnvironment: notes.attempt('/etc/systemd/system.conf', () => readManagerEnvironment(world), []),
    shadows: notes.attempt('/opt/bin', () => listShadows(world), []),
    unread: notes.unread,
  };
}

async function describeUnit(
  name: string,
  unit: Unit | undefined,
  world: NodeWorld,
  digestPrograms: boolean,
  notes: Notes,
): Promise<UnitState> {
  const effective = listEffective(unit?.settings ?? []);
  const programs: UnitState['programs'] = [];
  for (const { path, resolvedPath } of notes.attempt(name, () => listPrograms(effective, world), []))
    programs.push({
      path,
      resolvedPath,
      sha256: {
        ...nothing,
        value: digestPrograms && resolvedPath !== null ? await digestProgram(resolvedPath, world, notes) : null,
        source: resolvedPath ?? path,
      },
    });
  return {
    name,
    state: unit === undefined ? 'absent' : unit.isMasked ? 'masked' : 'loaded',
    fragment: unit?.fragment ?? null,
    resolvedFragment: unit?.resolvedFragment ?? null,
    aliases: [...(unit?.aliases ?? [])],
    dropIns: (unit?.dropIns ?? []).map((path) => ({ path, sets: namesSetIn(path, unit?.settings ?? []) })),
    text: notes.attempt(name, () => (unit === undefined || unit.isMasked ? null : readOwnUnit(unit, world)), null),
    startedBy: notes.attempt(name, () => listStartingLinks(name, unit, world), []),
    ownDropIn: notes.attempt(name, () => readOwnDropIn(name, world), null),
    settings: effective
      .filter(({ name: setting }) => setting !== 'Environment')
      .map((setting) => ({ name: setting.name, value: withoutSecrets(setting.value), file: setting.file })),
    environment: notes.attempt(name, () => effective.flatMap((setting) => listVariables(setting, world)), []),
    programs,
  };
}

/** [Install] is read by systemctl alone, and sections that begin with X- by nobody. */
function namesSetIn(path: string, settings: readonly PlacedSetting[]): string[] {
  const set = settings.filter(
    ({ file, section }) => file === path && section !== 'Install' && !section.startsWith('X-'),
  );
  return [...new Set(set.map(({ name }) => name))];
}

function readOwnUnit({ name, fragment }: Unit, world: NodeWorld): string | null {
  if (!ownUnits.includes(name)) return null;
  const text = world.readText(fragment, limits.unitFileBytes);
  return text !== undefined && isOwnUnit(name, text) ? text : null;
}

function listStartingLinks(name: string, unit: Unit | undefined, world: NodeWorld): string[] {
  return startingLinks(name).filter((path) => unit !== undefined && world.place(path)?.path === unit.resolvedFragment);
}

function readOwnDropIn(name: string, world: NodeWorld): UnitState['ownDropIn'] {
  const path = dropInPath(name);
  const placed = world.place(path);
  if (placed === undefined) return null;
  const text = placed.kind === 'file' ? world.readText(path, limits.unitFileBytes) : undefined;
  return { path, text: text !== undefined && isOwnDropIn(name, text) ? text : null };
}

/** Tokens and keys that kubeadm takes on its command line: evidence goes to people and files. */
function withoutSecrets(value: string): string {
  return value
    .replaceAll(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, '[token]')
    .replaceAll(
      /(--(?:token|discovery-token|tls-bootstrap-token|certificate-key|password)(?:=|[ \t]))("[^"]*"|'[^']*'|[^ \t]+)/g,
      '$1[secret]',
    );
}

/** Names of variables that a setting gives to the unit. */
function listVariables({ name, value, file }: PlacedSetting, world: NodeWorld): UnitState['environment'] {
  if (name === 'Environment') return namesAssigned(value).map((variable) => ({ name: variable, file }));
  if (name !== 'EnvironmentFile') return [];
  return listEnvironmentFiles(value.replace(/^-/, ''), world).flatMap((path) =>
    variablesIn(readEnvironmentFile(path, world)).map((variable) => ({ name: variable, file: path })),
  );
}

/** Byte for character: only names count, which are ASCII. What others write there as a value may be no text. */
function readEnvironmentFile(path: string, world: NodeWorld): string {
  return Buffer.from(world.readBytes(path, limits.unitFileBytes) ?? []).toString('latin1');
}

/** A name that is written with escapes may stand for any: it is told as it is written. */
function namesAssigned(value: string): readonly string[] {
  const escaped = [...value.matchAll(/[^\s="']{0,256}\\[^\s="']{0,256}=/g)].map(([written]) => written.slice(0, -1));
  const named = splitCommand(value).flatMap((word) => (word.includes('=') ? [word.slice(0, word.indexOf('='))] : []));
  return [...named, ...escaped];
}

/** A pattern may stand for the last name in the path: all that begins alike is read. Fault: file.pattern for any other. */
function listEnvironmentFiles(path: string, world: NodeWorld): readonly string[] {
  const wild = path.search(/[*?[]/);
  if (wild < 0) return path.startsWith('/') && world.place(path)?.kind === 'file' ? [path] : [];
  const cut = path.lastIndexOf('/');
  if (wild < cut)
    throw new Fault('file.pattern', `Cannot tell which environment files ${path} names`, {
      where: path,
      next: 'Name the files one by one',
    });
  const folder = path.slice(0, cut);
  return (world.listNames(folder) ?? [])
    .filter((name) => name.startsWith(path.slice(cut + 1, wild)))
    .map((name) => `${folder}/${name}`)
    .filter((file) => world.place(file)?.kind === 'file');
}

/** Lines that assign, whatever stands around them: a name more in the list is no harm. */
function variablesIn(text: string): readonly string[] {
  return text.split(/[\n\r\0]/).flatMap((line) => {
    const [, name] = /^[ \t]{0,256}(?:export[ \t])?[ \t]{0,256}([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
}

type Program = { readonly path: string; readonly resolvedPath: string | null };

function listPrograms(effective: readonly PlacedSetting[], world: NodeWorld): readonly Program[] {
  const searchPath = listValues(effective, 'Service', 'ExecSearchPath').flatMap(({ value }) => value.split(':'));
  return listValues(effective, 'Service', 'ExecStart')
    .flatMap(({ value }) => parseCommands(value))
    .map(({ program }) => {
      const [placed] = listProgramPaths(program, searchPath).flatMap((path) => {
        const found = path.startsWith('/') ? world.place(path) : undefined;
        return found === undefined ? [] : [found];
      });
      return { path: program, resolvedPath: placed?.path ?? null };
    });
}

async function digestProgram(path: string, world: NodeWorld, notes: Notes): Promise<string | null> {
  try {
    using source = world.openSource(path);
    if (source.sizeBytes > limits.programBytes)
      throw new Fault(
        'limit.program-bytes',
        `Cannot read ${path}: ${source.sizeBytes} bytes, want at most ${limits.programBytes}`,
      );
    const [sha256] = await world.digestSource(source, ['sha256']);
    return sha256?.hex ?? null;
  } catch (error) {
    notes.note(path, error);
    return null;
  }
}

/** ld.so(8): names parted by blanks or colons; a hash begins a comment. */
function readPreload(world: NodeWorld): string[] {
  const lines = (world.readText('/etc/ld.so.preload', limits.releaseFileBytes) ?? '').split('\n');
  return lines.flatMap((line) => (line.split('#')[0] ?? '').split(/[\s:\0]/).filter((name) => name !== ''));
}

function readManagerEnvironment(world: NodeWorld): Evidence['units']['managerEnvironment'] {
  const settings = readConfiguration(world, 'system.conf');
  return ['DefaultEnvironment', 'ManagerEnvironment'].flatMap((name) =>
    listValues(settings, 'Manager', name).flatMap(({ value, file }) =>
      namesAssigned(value).map((variable) => ({ name: variable, file })),
    ),
  );
}

/** Where PATH finds programs that no release holds. */
const openDirectories = ['/opt/bin', '/usr/local/bin', '/usr/local/sbin'] as const;

function listShadows(world: NodeWorld): string[] {
  return openDirectories.flatMap((directory) =>
    Object.values(workloads)
      .map((program) => `${directory}/${program}`)
      .filter((path) => {
        const placed = world.place(path);
        return placed !== undefined && !isWithin(placed.path, '/usr');
      }),
  );
}
