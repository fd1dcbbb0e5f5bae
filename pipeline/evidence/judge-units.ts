import type { Checked, Finding } from '../core/index.ts';
import { parseCommands } from '../units/index.ts';
import type { Evidence, UnitState } from './evidence.ts';
import { isWithin } from './extension-places.ts';
import { buildFinding } from './finding.ts';
import type { EvidenceJudgement } from './judge.ts';
import { gatedUnits, ownUnits, verifierProgram, workloads } from './watched-units.ts';

/**
 * Judges the units that gate, judge and run the node by what undoes that. Units lie in /etc, outside of any signature:
 * what else an administrator writes there is no finding.
 */
export function judgeUnits({ units }: Evidence): EvidenceJudgement {
  const unitOf = (name: string) => units.found.find((unit) => unit.name === name && unit.state !== 'absent');
  const findings = [
    ...ownUnits.flatMap((name) => judgeOwn(unitOf(name))),
    ...Object.entries(gatedUnits).flatMap(([name, gate]) => judgeGate(unitOf(name), gate, unitOf(gate))),
    ...Object.entries(workloads).flatMap(([name, program]) => judgeWorkload(unitOf(name), program)),
    ...judgePreload(units),
    ...judgeShadows(units),
  ];
  return { findings, checked: findings.length > 0 ? [] : checkedGates(units) };
}

const reinstall = 'Find out who changed it, and run nodeproof node install again';

// --- Units of the verifier ---------------------------------------------------------------------------------------------------

function judgeOwn(unit: UnitState | undefined): readonly Finding[] {
  if (unit === undefined) return [];
  if (unit.state === 'masked')
    return [found('unit.masked', unit, `${unit.name} is masked by ${unit.fragment ?? ''}`, 'a unit that runs')];
  return [...judgeFragment(unit), ...judgeOverrides(unit)];
}

/** Directories of an earlier or later rank, links and aliases put another unit in the place of ours. */
function judgeFragment(unit: UnitState): readonly Finding[] {
  const own = `/etc/systemd/system/${unit.name}`;
  if (unit.fragment !== own || unit.resolvedFragment !== own)
    return [
      found('unit.replaced', unit, `${unit.name} comes from ${unit.resolvedFragment ?? 'nowhere'}, want ${own}`, own),
    ];
  const actual = settingsOf(unit, 'ExecStart').map(({ value }) => value);
  if (actual.some(runsVerifier)) return [];
  return [
    found(
      'unit.replaced',
      unit,
      `${unit.name} does not run ${verifierProgram}, or does not heed what it says: ${actual.join('; ').slice(0, 300) || 'nothing'}`,
      verifierProgram,
    ),
  ];
}

/** As it is written, without quotes or escapes, and so that its failure counts. */
function runsVerifier(value: string): boolean {
  const command = value.replace(/^[+!:]+/, '');
  return command === verifierProgram || command.startsWith(`${verifierProgram} `);
}

/** Settings that change neither what a unit runs nor whether its failure counts. */
const harmless =
  /^(?:Description|Documentation|Timeout(?:Start|Stop|Abort)?Sec|TimeoutStopFailureMode|Nice|Slice|OOM\w+|(?:CPU|IO|Memory|Tasks|Log|Syslog)[A-Z]\w*)$/;

/** Nobody but us drops in over a unit of ours: a condition, another exit code or another environment is enough to disarm it. */
function judgeOverrides(unit: UnitState): readonly Finding[] {
  return unit.dropIns.flatMap(({ path, sets }) => {
    const changed = sets.filter((name) => !harmless.test(name));
    if (changed.length === 0) return [];
    return [
      found(
        'unit.hollowed',
        unit,
        `${path} changes ${changed.join(', ').slice(0, 300)} of ${unit.name}`,
        'no drop-in',
        path,
      ),
    ];
  });
}

// --- What waits for the verifier ---------------------------------------------------------------------------------------------

/** Where the verifier is installed, a unit that it gates requires its unit, is after it, and kubeadm asks again before it joins. */
function judgeGate(unit: UnitState | undefined, gate: string, own: UnitState | undefined): readonly Finding[] {
  if (unit === undefined || unit.state !== 'loaded') return [];
  if (unit.ownDropIns.length === 0 && own === undefined) return [];
  const missing = (['Requires', 'After'] as const).filter(
    (name) => !settingsOf(unit, name).some(({ value }) => value.split(/[ \t]+/).includes(gate)),
  );
  const asksAgain =
    unit.name !== 'kubeadm.service' || settingsOf(unit, 'ExecStartPre').some(({ value }) => asksForVerdict(value));
  const gone = [...missing.map((name) => `${name}=${gate}`), ...(asksAgain ? [] : ['ExecStartPre= that asks again'])];
  if (gone.length === 0) return [];
  const shadow = unit.ownDropIns.filter((path) => !unit.dropIns.some((dropIn) => dropIn.path === path));
  const why = shadow.length > 0 ? `: ${shadow.join(', ')} is hidden by a file of the same name` : '';
  return [
    found('unit.gate-undone', unit, `${unit.name} starts without the verdict: no ${gone.join(', no ')}${why}`, gate),
  ];
}

/**
 * The command that the drop-in has: nothing that is begun and not waited for, nothing whose failure is ignored. As it is
 * written: what systemd makes of escapes and quotes need not be what we make of them.
 */
function asksForVerdict(value: string): boolean {
  if (/[\\"'$%]/.test(value)) return false;
  return parseCommands(value).some(({ prefixes, program, parameters }) => {
    const [verb, ...rest] = parameters;
    if (!/^[+!:]*$/.test(prefixes)) return false;
    if (program === '/usr/bin/systemctl')
      return (verb === 'start' || verb === 'restart') && rest.length === 1 && rest[0] === 'nodeproof-join.service';
    return program === verifierProgram && verb === 'node' && rest.includes('verify') && rest.includes('--join');
  });
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
    found(
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

function judgeVariables(unit: UnitState): readonly Finding[] {
  const passed = settingsOf(unit, 'PassEnvironment').flatMap(({ value, file }) =>
    value.split(/[\s"']+/).map((name) => ({ name, file })),
  );
  return [...unit.environment, ...passed]
    .filter(({ name }) => loaderVariables.has(name))
    .map(({ name, file }) =>
      found(
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
      found(
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
  const given = managerEnvironment.filter(({ name }) => loaderVariables.has(name));
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

// --- Reading -----------------------------------------------------------------------------------------------------------------

function settingsOf(unit: UnitState, name: string): UnitState['settings'] {
  return unit.settings.filter((setting) => setting.name === name);
}

type UnitCode = 'masked' | 'replaced' | 'hollowed' | 'gate-undone' | 'foreign-program' | 'preload' | 'other-root';

function found(
  code: `unit.${UnitCode}`,
  unit: UnitState,
  message: string,
  expected: string,
  actual: string | null = unit.fragment,
): Finding {
  return buildFinding(code, 'denied', message, { field: `units.${unit.name}`, actual, expected, next: reinstall });
}

/** That kubeadm waits for the verdict is what a join stands on. */
function checkedGates({ found: all }: Evidence['units']): readonly Checked[] {
  return all
    .filter(({ name, state, ownDropIns }) => name in gatedUnits && state === 'loaded' && ownDropIns.length > 0)
    .map(({ name }) => ({
      fact: `units.${name}`,
      value: `requires ${gatedUnits[name] ?? ''}`,
      grade: 'claimed' as const,
      source: 'unit files',
    }));
}
