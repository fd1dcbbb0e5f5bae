import type { Finding } from '../core/index.ts';
import { isOwnUnit, ownUnits, requiredUnits, unitDirectory } from '../installation/index.ts';
import type { Evidence, UnitState } from './evidence.ts';
import { buildUnitFinding } from './unit-finding.ts';

/** Judges the units of the verifier: all of them are there, each is what `node install` writes, and nothing changes it. */
export function judgeOwnUnits(found: Evidence['units']['found']): readonly Finding[] {
  const unitOf = (name: string) => found.find((unit) => unit.name === name && unit.state !== 'absent');
  return [
    ...requiredUnits.filter((name) => unitOf(name) === undefined).map(missing),
    ...ownUnits.flatMap((name) => judgeOwn(unitOf(name))),
  ];
}

/** What is left of an installation says nothing of what was taken from it. */
function missing(name: string): Finding {
  return buildUnitFinding(
    'unit.missing',
    { name, fragment: null },
    `${name} is not there, while other units of nodeproof are`,
    `${unitDirectory}/${name}`,
  );
}

function judgeOwn(unit: UnitState | undefined): readonly Finding[] {
  if (unit === undefined) return [];
  if (unit.state === 'masked')
    return [
      buildUnitFinding('unit.masked', unit, `${unit.name} is masked by ${unit.fragment ?? ''}`, 'a unit that runs'),
    ];
  return [...judgeFragment(unit), ...judgeOverrides(unit)];
}

/**
 * Directories of an earlier or later rank, links and aliases put another unit in the place of ours. In ours a condition,
 * another exit code, another variable or another option is enough to disarm it: nothing but the whole text tells.
 */
function judgeFragment(unit: UnitState): readonly Finding[] {
  const own = `${unitDirectory}/${unit.name}`;
  if (unit.fragment !== own || unit.resolvedFragment !== own) {
    const message = `${unit.name} comes from ${unit.resolvedFragment ?? 'nowhere'}, want ${own}`;
    return [buildUnitFinding('unit.replaced', unit, message, own)];
  }
  if (unit.text !== null && isOwnUnit(unit.name, unit.text)) return [];
  return [
    buildUnitFinding('unit.replaced', unit, `${own} is not what node install writes`, 'what node install writes'),
  ];
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
      buildUnitFinding(
        'unit.hollowed',
        unit,
        `${path} changes ${changed.join(', ').slice(0, 300)} of ${unit.name}`,
        'no drop-in',
        path,
      ),
    ];
  });
}
