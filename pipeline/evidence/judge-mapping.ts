import type { Finding } from '../core/index.ts';
import type { VerityTarget } from '../formats/device-mapper/index.ts';
import type { MappedDevice } from './evidence.ts';
import type { EvidenceFindingCode } from './finding-codes.ts';
import { buildFinding } from './finding.ts';

/** What runs from a mapping: for messages, and with the codes that its findings have. */
export type MappedPlace = {
  readonly what: string;
  readonly field: string;
  readonly table: EvidenceFindingCode;
  readonly option: EvidenceFindingCode;
  readonly status: EvidenceFindingCode;
};

const restore = 'Boot this node from the release image again';

/** Whether a verity mapping lets only right blocks through: all of it verity, no option that forgives, and valid so far. */
export function judgeMapping(place: MappedPlace, mapping: MappedDevice, verity: VerityTarget): readonly Finding[] {
  return [
    ...judgeTable(place, mapping, verity),
    ...judgeOptions(place, verity),
    ...judgeStatus(place, mapping.status?.[0]?.[0]),
  ];
}

/** One verity target over the whole length of the device: blocks that no target of verity covers are not checked. */
function judgeTable(place: MappedPlace, mapping: MappedDevice, verity: VerityTarget): readonly Finding[] {
  const [target, ...others] = mapping.targets;
  const isWhole =
    target !== undefined &&
    others.length === 0 &&
    target.startSector === 0 &&
    target.sectors * 512 === verity.dataBlocks * verity.dataBlockSizeBytes &&
    (mapping.sectors === null || mapping.sectors === target.sectors);
  if (isWhole) return [];
  const actual = mapping.targets.map((one) => `${one.startSector} ${one.sectors} ${one.type}`).join('; ');
  return [
    buildFinding(
      place.table,
      'untrusted',
      `The mapping under ${place.what} (${mapping.name}, ${mapping.device}) is ${actual.slice(0, 500)}`,
      {
        field: place.field,
        actual: actual.slice(0, 500),
        expected: 'one verity target over the whole device',
        grade: 'kernel',
        next: restore,
      },
    ),
  ];
}

/** Options that make the kernel stricter or quicker and let no wrong block through (dm verity.rst). */
const harmless = new Set([
  'panic_on_corruption',
  'restart_on_corruption',
  'panic_on_error',
  'restart_on_error',
  'ignore_zero_blocks',
  'try_verify_in_tasklet',
]);
/** Options that take a value; error correction gives the right block or none. */
const withValue = new Set(['use_fec_from_device', 'fec_blocks', 'fec_start', 'fec_roots', 'root_hash_sig_key_desc']);

function judgeOptions(place: MappedPlace, verity: VerityTarget): readonly Finding[] {
  return looseOptions(verity.options).map((option) =>
    buildFinding(
      place.option,
      'untrusted',
      `The verity mapping of ${place.what} has the option ${option}, with which wrong blocks can pass`,
      { field: place.field, actual: option, expected: 'only options that enforce', grade: 'kernel', next: restore },
    ),
  );
}

function judgeStatus(place: MappedPlace, state: string | undefined): readonly Finding[] {
  if (state === 'V') return [];
  return [
    buildFinding(
      place.status,
      state === undefined ? 'unavailable' : 'untrusted',
      `The verity mapping of ${place.what} has status ${state ?? 'unknown'}, want V`,
      {
        field: `${place.field}.status`,
        actual: state ?? null,
        expected: 'V',
        grade: 'kernel',
        next:
          state === undefined
            ? 'Install dmsetup, or run as root'
            : 'The data is corrupted: replace this disk and reinstall',
      },
    ),
  ];
}

function looseOptions(options: readonly string[]): readonly string[] {
  const loose: string[] = [];
  for (let at = 0; at < options.length; at++) {
    const option = options[at] ?? '';
    if (withValue.has(option)) at++;
    else if (!harmless.has(option)) loose.push(option);
  }
  return loose;
}
