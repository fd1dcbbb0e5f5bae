import type { Checked, Finding, Grade } from '../core/index.ts';
import type { VerityTarget } from '../formats/device-mapper/index.ts';
import type { NodeSet, UsrVerity } from '../release/index.ts';
import type { Evidence, Mount } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { usrVerityOf } from './identity.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';
import { judgeMapping, type MappedPlace } from './judge-mapping.ts';
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
    ...(mapping === null || verity === null ? [] : judgeMapping(usrPlace, mapping, verity)),
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

const usrPlace: MappedPlace = {
  what: '/usr',
  field: 'usr.mapping',
  table: 'usr.table',
  option: 'usr.verity-option',
  status: 'usr.verity-status',
};

/** Whether /usr has verity as it was signed. */
export function judgeParameters(
  verity: UsrVerity,
  reference: NodeSet['reference'] | null,
  grade: Grade = 'kernel',
): readonly Finding[] {
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
          grade,
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
