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

export function settingsOf(unit: UnitState, name: string): UnitState['settings'] {
  return unit.settings.filter((setting) => setting.name === name);
}
