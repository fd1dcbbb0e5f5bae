import type { Finding } from '../core/index.ts';
import type { UnitState } from './evidence.ts';
import type { EvidenceFindingCode } from './finding-codes.ts';
import { buildFinding } from './finding.ts';

export const reinstall = 'Find out who changed it, and run nodeproof node install again';

/** A finding about a unit. */
export function buildUnitFinding(
  code: Extract<EvidenceFindingCode, `unit.${string}`>,
  unit: Pick<UnitState, 'name' | 'fragment'>,
  message: string,
  expected: string,
  actual: string | null = unit.fragment,
  next: string = reinstall,
): Finding {
  return buildFinding(code, 'denied', message, { field: `units.${unit.name}`, actual, expected, next });
}

/** For what an administrator may have meant for all services. */
export const perUnit =
  'Take it away from units of nodeproof and those that merge: write a drop-in for each unit that needs it';

/** Whether all that a file gives to the environment of a unit is where its proxies are. */
export function givesProxies({ environment }: UnitState, path: string): boolean {
  const given = environment.filter(({ file }) => file === path);
  return given.length > 0 && given.every(({ name }) => /^(?:https?|ftp|no|all)_proxy$/i.test(name));
}

export function settingsOf(unit: UnitState, name: string): UnitState['settings'] {
  return unit.settings.filter((setting) => setting.name === name);
}
