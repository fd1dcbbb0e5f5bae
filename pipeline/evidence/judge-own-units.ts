import type { Finding } from '../core/index.ts';
import { isOwnUnit, ownUnits, requiredUnits, startingLinks, unitDirectory } from '../installation/index.ts';
import type { Evidence, UnitState } from './evidence.ts';
import { buildUnitFinding, givesProxies, perUnit } from './unit-finding.ts';

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
  return [...judgeFragment(unit), ...judgeStart(unit), ...judgeOverrides(unit)];
}

/** A unit that nothing starts is as good as none. */
function judgeStart(unit: UnitState): readonly Finding[] {
  return startingLinks(unit.name)
    .filter((path) => !unit.startedBy.includes(path))
    .map((path) =>
      buildUnitFinding(
        'unit.missing',
        unit,
        `${path} is not there, or does not lead to ${unit.name}: nothing starts it`,
        `${unitDirectory}/${unit.name}`,
        path,
      ),
    );
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

/**
 * Settings that change neither what a unit runs nor whether it comes to its end. A limit on time or memory would end it before,
 * and what gives it a mount namespace would blind it.
 */
const harmless =
  /^(?:Description|Documentation|TimeoutStop(?:Sec|FailureMode)|TimeoutAbortSec|Nice|(?:CPU|IO|IP|Memory|Tasks)Accounting|LogLevelMax|LogRateLimit\w{1,16}|SyslogIdentifier)$/;

/** Nobody but us drops in over a unit of ours: a condition, another exit code or another environment is enough to disarm it. */
function judgeOverrides(unit: UnitState): readonly Finding[] {
  return unit.dropIns.flatMap(({ path, sets }) => {
    const changed = sets.filter(
      (name) => !harmless.test(name) && !(name === 'Environment' && givesProxies(unit, path)),
    );
    if (changed.length === 0) return [];
    return [
      buildUnitFinding(
        'unit.hollowed',
        unit,
        `${path} changes ${changed.join(', ').slice(0, 300)} of ${unit.name}`,
        'no drop-in',
        path,
        perUnit,
      ),
    ];
  });
}
