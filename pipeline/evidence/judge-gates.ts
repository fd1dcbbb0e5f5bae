import type { Checked, Finding } from '../core/index.ts';
import { isOwnDropIn, mergingUnits } from '../installation/index.ts';
import { parseCommands } from '../units/index.ts';
import type { Evidence, UnitState } from './evidence.ts';
import { isWithin } from './extension-places.ts';
import { buildUnitFinding, givesProxies, settingsOf } from './unit-finding.ts';
import { gatedUnits, verifierProgram } from './watched-units.ts';

/** Judges what waits for the verifier where it is installed: the units that it gates, and those that merge once more. */
export function judgeGates(found: Evidence['units']['found']): readonly Finding[] {
  return [
    ...found.flatMap((unit) => [...judgeOwnDropIn(unit), ...judgeGate(unit)]),
    ...found.filter(({ name }) => isMerging(name)).flatMap(judgeMerging),
  ];
}

function isMerging(name: string): boolean {
  return mergingUnits.some((unit) => unit === name);
}

/** What else stands in our file would pass for ours. */
function judgeOwnDropIn({ name, fragment, ownDropIn }: UnitState): readonly Finding[] {
  if (ownDropIn === null || (ownDropIn.text !== null && isOwnDropIn(name, ownDropIn.text))) return [];
  return [
    buildUnitFinding(
      'unit.gate-undone',
      { name, fragment },
      `${ownDropIn.path} is not what node install writes`,
      'what node install writes',
      ownDropIn.path,
    ),
  ];
}

/** A unit that is gated requires its unit of ours, is after it, and kubeadm asks again before it joins. */
function judgeGate(unit: UnitState): readonly Finding[] {
  const gate = gatedUnits[unit.name];
  if (gate === undefined || unit.state !== 'loaded') return [];
  const missing = (['Requires', 'After'] as const).filter(
    (name) => !settingsOf(unit, name).some(({ value }) => value.split(/[ \t]+/).includes(gate)),
  );
  const asksAgain =
    unit.name !== 'kubeadm.service' || settingsOf(unit, 'ExecStartPre').some(({ value }) => asksForVerdict(value));
  const gone = [...missing.map((name) => `${name}=${gate}`), ...(asksAgain ? [] : ['ExecStartPre= that asks again'])];
  if (gone.length === 0) return [];
  const { ownDropIn, dropIns } = unit;
  const isHidden = ownDropIn !== null && !dropIns.some(({ path }) => path === ownDropIn.path);
  const why = isHidden ? `: ${ownDropIn.path} is hidden by a file of the same name` : '';
  return [
    buildUnitFinding(
      'unit.gate-undone',
      unit,
      `${unit.name} starts without the verdict: no ${gone.join(', no ')}${why}`,
      gate,
    ),
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

/** By these something runs between the guard and the merge, or the merge is another one: of other directories, or into others. */
const reaching: ReadonlySet<string> = new Set([
  'ExecCondition',
  'ExecStartPre',
  'ExecStartPost',
  'Environment',
  'EnvironmentFile',
  'PassEnvironment',
]);

/**
 * A unit that merges is what the image has and our drop-in. `ExecStart=` is the administrator's: an image policy is an option
 * of it. What is emptied counts, too: a look of ours after the merge could be.
 */
function judgeMerging(unit: UnitState): readonly Finding[] {
  if (unit.state !== 'loaded') return [];
  const { name, fragment, resolvedFragment, dropIns, ownDropIn, settings, environment } = unit;
  const given = [
    ...settings.filter(({ name: setting }) => reaching.has(setting)).map(({ name: sets, file }) => ({ file, sets })),
    ...environment.map(({ file }) => ({ file, sets: 'Environment' })),
    ...dropIns.flatMap(({ path, sets }) =>
      sets.filter((one) => reaching.has(one)).map((one) => ({ file: path, sets: one })),
    ),
  ].map(({ file, sets }) => ({ file: file === fragment ? (resolvedFragment ?? file) : file, sets }));
  const foreign = given
    .filter(({ file }) => !isWithin(file, '/usr') && file !== ownDropIn?.path)
    .filter(({ file, sets }) => sets !== 'Environment' || !givesProxies(unit, file));
  return [...Map.groupBy(foreign, ({ file }) => file)].map(([file, all]) => {
    const names = [...new Set(all.map(({ sets }) => sets))].join(', ');
    return buildUnitFinding(
      'unit.merge-altered',
      unit,
      `${file} sets ${names} of ${name}, behind the guard`,
      'nothing',
      file,
      `Take that out of ${file}: how extensions are merged is told by options of ExecStart=`,
    );
  });
}

/** That kubeadm waits for the verdict is what a join stands on. */
export function checkedGates(found: Evidence['units']['found']): readonly Checked[] {
  return found
    .filter(({ name, state, ownDropIn }) => name in gatedUnits && state === 'loaded' && ownDropIn !== null)
    .map(({ name }) => ({
      fact: `units.${name}`,
      value: `requires ${gatedUnits[name] ?? ''}`,
      grade: 'claimed' as const,
      source: 'unit files',
    }));
}
