import type { Finding } from '../core/index.ts';
import { ownUnits } from '../installation/index.ts';
import type { Evidence, UnitState } from './evidence.ts';
import { isWithin } from './extension-places.ts';
import { buildFinding } from './finding.ts';
import { checkedGates, judgeGates } from './judge-gates.ts';
import { judgeOwnUnits } from './judge-own-units.ts';
import type { EvidenceJudgement } from './judge.ts';
import { buildUnitFinding, reinstall, settingsOf } from './unit-finding.ts';
import { workloads } from './watched-units.ts';

/**
 * Judges the units that gate, judge and run the node by what undoes that. Units lie in /etc, outside of any signature:
 * what else an administrator writes there is no finding.
 */
export function judgeUnits({ units }: Evidence): EvidenceJudgement {
  const { found } = units;
  const unitOf = (name: string) => found.find((unit) => unit.name === name && unit.state !== 'absent');
  const findings = [
    ...(isInstalled(found) ? [...judgeOwnUnits(found), ...judgeGates(found)] : []),
    ...Object.entries(workloads).flatMap(([name, program]) => judgeWorkload(unitOf(name), program)),
    ...judgePreload(units),
    ...judgeShadows(units),
  ];
  return { findings, checked: findings.length > 0 ? [] : checkedGates(found) };
}

/** Somebody may verify a node by hand that nothing was installed on. One file of ours is enough for all to be wanted. */
function isInstalled(found: Evidence['units']['found']): boolean {
  return found.some(
    ({ name, state, ownDropIn }) => ownDropIn !== null || (state !== 'absent' && ownUnits.includes(name)),
  );
}

// --- What runs the node ------------------------------------------------------------------------------------------------------

function judgeWorkload(unit: UnitState | undefined, program: string): readonly Finding[] {
  if (unit === undefined || unit.state !== 'loaded') return [];
  return [...judgePrograms(unit, program), ...judgeVariables(unit), ...judgeRoot(unit)];
}

/**
 * kubelet and containerd run what an image holds. kubeadm may be run by a script of the administrator (Cluster API has
 * one in /etc); then the program must not be named from elsewhere.
 */
function judgePrograms(unit: UnitState, program: string): readonly Finding[] {
  const isScriptAllowed = program === 'kubeadm';
  const started = unit.programs
    .filter(({ path }) => !isScriptAllowed || path.split('/').at(-1) === program)
    .filter(({ path, resolvedPath }) => !(resolvedPath === null ? isPlainUsr(path) : isWithin(resolvedPath, '/usr')))
    .map(({ path, resolvedPath }) => resolvedPath ?? path);
  const lines = settingsOf(unit, 'ExecStart').map(({ value }) => value);
  const named = lines.flatMap((value) => pathsOf(program, value)).filter((path) => !isPlainUsr(path));
  const foreign = [...new Set([...started, ...named, ...lines.flatMap(escapedPrograms)])];
  return foreign.map((path) =>
    buildUnitFinding(
      'unit.foreign-program',
      unit,
      `${unit.name} runs ${path}, which lies in no image: want it in /usr`,
      `/usr/bin/${program}`,
      path,
    ),
  );
}

/** What is not there yet, before the merge, is told by its name; one without a slash is looked for in /usr only. */
function isPlainUsr(path: string): boolean {
  return !path.includes('/') || (path.startsWith('/usr/') && !path.split('/').includes('..') && !/[%$]/.test(path));
}

/** A program whose path is written with escapes, which may stand for any path. */
function escapedPrograms(value: string): readonly string[] {
  return value
    .split(/[ \t];[ \t]/)
    .map((command) => command.trimStart().split(/[ \t]/)[0] ?? '')
    .filter((word) => word.includes('\\'));
}

/** Paths to a program of that name anywhere in a line: behind env, or in the words of a shell. */
function pathsOf(program: string, value: string): readonly string[] {
  return value.split(/[\s"'=;&|()<>`]+/).filter((word) => word.startsWith('/') && word.split('/').at(-1) === program);
}

/** By these the loader runs somebody else's code in a program (ld.so(8)). */
const loaderVariables: ReadonlySet<string> = new Set(['LD_PRELOAD', 'LD_AUDIT', 'LD_LIBRARY_PATH']);

/** Escapes and specifiers in a name may make it any. */
function reachesLoader(name: string): boolean {
  return loaderVariables.has(name) || /[\\%$]/.test(name);
}

/** What a command sets itself, behind env or in the words of a shell. */
function variablesSet({ value, file }: UnitState['settings'][number]): UnitState['environment'] {
  return [...loaderVariables]
    .filter((name) => new RegExp(`(?:^|[^\\w])${name}=`).test(value))
    .map((name) => ({ name, file }));
}

function judgeVariables(unit: UnitState): readonly Finding[] {
  const passed = settingsOf(unit, 'PassEnvironment').flatMap(({ value, file }) =>
    value.split(/[\s"']+/).map((name) => ({ name, file })),
  );
  return [...unit.environment, ...passed, ...settingsOf(unit, 'ExecStart').flatMap(variablesSet)]
    .filter(({ name }) => reachesLoader(name))
    .map(({ name, file }) =>
      buildUnitFinding(
        'unit.preload',
        unit,
        `${file} gives ${name} to ${unit.name}`,
        'no variable of the loader',
        `${name} in ${file}`,
      ),
    );
}

const otherRoots: ReadonlySet<string> = new Set([
  'RootDirectory',
  'RootImage',
  'BindPaths',
  'BindReadOnlyPaths',
  'MountImages',
  'ExtensionImages',
  'ExtensionDirectories',
  'TemporaryFileSystem',
]);

/** Another root, or something over the signed /usr; what is bound elsewhere is the administrator's. */
function judgeRoot(unit: UnitState): readonly Finding[] {
  return unit.settings
    .filter(
      ({ name, value }) => otherRoots.has(name) && (!/^(?:Bind|Temp|Mount)/.test(name) || reachesUsr(name, value)),
    )
    .filter(({ name, value }) => name !== 'RootDirectory' || value !== '/')
    .map(({ name, value, file }) =>
      buildUnitFinding(
        'unit.other-root',
        unit,
        `${file} has ${unit.name} see another file system: ${name}=${value.slice(0, 200)}`,
        'the file system of the node',
        `${name}=${value.slice(0, 200)}`,
      ),
    );
}

/** Where a bind ends: `SOURCE[:DESTINATION[:OPTIONS]]`. What cannot be told apart from /usr is taken for it. */
function reachesUsr(name: string, value: string): boolean {
  return value
    .split(/[\s"']+/)
    .filter((word) => word !== '')
    .some((word) => {
      const [source = '', destination] = word.replace(/^[-+]+/, '').split(':');
      const place = name === 'TemporaryFileSystem' ? source : (destination ?? source);
      return (
        place === '/' || /^\/+usr(?:\/|$)/.test(place) || /[%$\\]|\/\.\.?(?:\/|$)|^\/+(?:bin|sbin|lib)/.test(place)
      );
    });
}

// --- What reaches into all services ------------------------------------------------------------------------------------------

function judgePreload({ preload, managerEnvironment }: Evidence['units']): readonly Finding[] {
  const given = managerEnvironment.filter(({ name }) => reachesLoader(name));
  return [
    ...preload.map((path) => ({ actual: path, message: `/etc/ld.so.preload puts ${path} into every program` })),
    ...given.map(({ name, file }) => ({
      actual: `${name} in ${file}`,
      message: `${file} gives ${name} to every service`,
    })),
  ].map(({ actual, message }) =>
    buildFinding('unit.preload', 'denied', message, { field: 'units', actual, expected: 'nothing', next: reinstall }),
  );
}

function judgeShadows({ shadows }: Evidence['units']): readonly Finding[] {
  return shadows.map((path) =>
    buildFinding(
      'unit.shadowed-program',
      'denied',
      `${path} lies in no image and may be run in the place of the program in /usr`,
      { field: 'units.shadows', actual: path, expected: null, next: `Remove ${path}` },
    ),
  );
}
