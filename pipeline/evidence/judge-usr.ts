import type { Checked, Finding } from '../core/index.ts';
import type { VerityTarget } from '../formats/device-mapper/index.ts';
import type { NodeSet } from '../release/index.ts';
import type { Evidence, MappedDevice, Mount } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { usrVerityOf } from './identity.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';
import { isMerge, stackMounts } from './mount-stack.ts';

const reinstall = 'Boot this node from the release image again';

/** Judges what /usr runs from: the device under the mount, its whole table, and what lies over it. */
export function judgeUsr(
  evidence: Evidence,
  requirements: EvidenceRequirements,
  reference: NodeSet['reference'] | null,
): EvidenceJudgement {
  const mapping = evidence.usr.mapping.value;
  const verity = usrVerityOf(evidence);
  const findings = [
    ...judgePresence(evidence, verity, requirements),
    ...(mapping === null ? [] : judgeTable('usr', 'usr', mapping, verity)),
    ...(mapping === null || verity === null ? [] : judgeEnforcement('usr', 'usr', mapping, verity)),
    ...(verity === null ? [] : judgeParameters(verity, reference)),
    ...judgeMounts(evidence),
  ];
  return { findings, checked: checkedUsr(evidence, verity) };
}

function judgePresence(
  { usr }: Evidence,
  verity: VerityTarget | null,
  { usrVerity }: EvidenceRequirements,
): readonly Finding[] {
  if (verity !== null || usrVerity === 'absent-allowed') return [];
  if (usr.mount?.source.startsWith('/dev/mapper/') === true && usr.mapping.value === null) {
    return [
      buildFinding(
        'usr.device',
        'untrusted',
        `/usr says it is on ${usr.mount.source}, and the kernel does not: ${usr.mapping.source}`,
        {
          field: 'usr.mount.source',
          actual: usr.mount.source,
          expected: 'the device that the kernel mounts',
          grade: usr.mapping.grade,
          next: reinstall,
        },
      ),
    ];
  }
  return [
    buildFinding('usr.no-verity', 'denied', `/usr does not run from dm-verity: ${usr.mapping.source}`, {
      field: 'os.usrHash',
      actual: null,
      expected: 'a verity mapping',
      grade: usr.mapping.grade,
      next: reinstall,
    }),
  ];
}

/** One verity target over the whole length of the device: blocks that no target of verity covers are not checked. */
export function judgeTable(
  area: 'usr' | 'extension',
  name: string,
  mapping: MappedDevice,
  verity: VerityTarget | null,
): readonly Finding[] {
  const [target, ...others] = mapping.targets;
  const bytes = verity === null ? null : verity.dataBlocks * verity.dataBlockSizeBytes;
  const isWhole =
    target !== undefined &&
    others.length === 0 &&
    target.startSector === 0 &&
    verity !== null &&
    target.sectors * 512 === bytes &&
    (mapping.sectors === null || mapping.sectors === target.sectors);
  if (isWhole) return [];
  const actual = mapping.targets
    .map((one) => `${one.startSector} ${one.sectors} ${one.type}`)
    .join('; ')
    .slice(0, 500);
  return [
    buildFinding(
      area === 'usr' ? 'usr.table' : 'extension.table',
      'untrusted',
      `The mapping under ${area === 'usr' ? '/usr' : `extension ${name}`} (${mapping.name}, ${mapping.device}) is ${actual === '' ? 'without a table' : actual}`,
      {
        field: area === 'usr' ? 'usr.mapping' : `sysexts.${name}`,
        actual,
        expected: 'one verity target over the whole device',
        grade: 'kernel',
        next: reinstall,
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

/** Whether a verity mapping lets only right blocks through: no option that forgives, and valid so far. */
export function judgeEnforcement(
  area: 'usr' | 'extension',
  name: string,
  mapping: MappedDevice,
  verity: VerityTarget,
): readonly Finding[] {
  const loose = looseOptions(verity.options);
  const [state] = mapping.status?.[0] ?? [];
  const where = area === 'usr' ? '/usr' : `extension ${name}`;
  return [
    ...loose.map((option) =>
      buildFinding(
        area === 'usr' ? 'usr.verity-option' : 'extension.verity-option',
        'untrusted',
        `The verity mapping of ${where} has the option ${option}, with which wrong blocks can pass`,
        {
          field: area === 'usr' ? 'usr.mapping' : `sysexts.${name}`,
          actual: option,
          expected: 'only options that enforce',
          grade: 'kernel',
          next: reinstall,
        },
      ),
    ),
    ...(state === 'V'
      ? []
      : [
          buildFinding(
            area === 'usr' ? 'usr.verity-status' : 'extension.verity-option',
            state === undefined ? 'unavailable' : 'untrusted',
            `The verity mapping of ${where} has status ${state ?? 'unknown'}, want V`,
            {
              field: area === 'usr' ? 'usr.mapping.status' : `sysexts.${name}`,
              actual: state ?? null,
              expected: 'V',
              grade: 'kernel',
              next:
                state === undefined
                  ? 'Install dmsetup, or run as root'
                  : 'The data is corrupted: replace this disk and reinstall',
            },
          ),
        ]),
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

function judgeParameters(verity: VerityTarget, reference: NodeSet['reference'] | null): readonly Finding[] {
  const signed = reference?.usrVerity;
  if (signed === undefined || signed === null) return [];
  const fields = [
    'rootHash',
    'algorithm',
    'dataBlockSizeBytes',
    'hashBlockSizeBytes',
    'dataBlocks',
    'hashType',
    'salt',
  ] as const;
  return fields
    .filter((field) => verity[field] !== signed[field])
    .map((field) =>
      buildFinding(
        'usr.verity-parameters',
        'denied',
        `Verity of /usr has ${field} ${String(verity[field])}, want ${String(signed[field])} as signed`,
        {
          field: `usr.mapping.${field}`,
          actual: String(verity[field]),
          expected: String(signed[field]),
          grade: 'kernel',
          next: reinstall,
        },
      ),
    );
}

/** Over the /usr below there may be one overlay of systemd-sysext; anything else there or inside replaces what was signed. */
function judgeMounts({ usr, mounts, sysexts }: Evidence): readonly Finding[] {
  const stack = stackMounts(mounts, '/usr');
  const over = usr.mount === null ? stack : stack.slice(1);
  const strangers = over.filter((mount) => !isMerge(mount, 'sysext'));
  // A merge that can be written protects its own record by a mount, and is judged as what it is.
  const isRecord = ({ mountPoint, device }: Mount) =>
    mountPoint === '/usr/.systemd-sysext' &&
    sysexts.overlay?.upperDirectory !== null &&
    device === sysexts.overlay?.device;
  const inside = mounts.filter((mount) => mount.mountPoint.startsWith('/usr/') && !isRecord(mount));
  const merges = over.length - strangers.length;
  const isWritable = usr.mount !== null && (usr.mount.options.includes('rw') || usr.mount.superOptions.includes('rw'));
  const part = usr.mount === null || usr.mount.root === '/' ? null : usr.mount.root;
  return [
    ...[...strangers, ...inside].map((mount) =>
      mountedOver(
        mount.mountPoint,
        `${mount.fileSystem} from ${mount.source}${mount.root === '/' ? '' : ` at ${mount.root}`}`,
      ),
    ),
    ...(merges > 1 ? [mountedOver('/usr', `${merges} merges of extensions over each other`)] : []),
    ...(part === null ? [] : [mountedOver('/usr', `only the directory ${part} of its file system`)]),
    ...(isWritable
      ? [
          buildFinding('usr.writable', 'denied', '/usr is mounted writable', {
            field: 'usr.mount.options',
            actual: 'rw',
            expected: 'ro',
            next: reinstall,
          }),
        ]
      : []),
  ];
}

function mountedOver(mountPoint: string, what: string): Finding {
  return buildFinding('usr.mounted-over', 'denied', `${mountPoint} is covered by ${what}`, {
    field: `mounts.${mountPoint}`,
    actual: what,
    expected: 'nothing but merged extensions',
    next: `Unmount ${mountPoint}, and find out who mounted it`,
  });
}

function checkedUsr({ usr }: Evidence, verity: VerityTarget | null): readonly Checked[] {
  if (verity === null) return [];
  return [{ fact: 'os.usrHash', value: verity.rootHash, grade: usr.mapping.grade, source: usr.mapping.source }];
}
