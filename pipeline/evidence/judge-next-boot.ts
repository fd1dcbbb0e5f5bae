import type { Checked, Finding } from '../core/index.ts';
import type { NodeSet } from '../release/index.ts';
import type { ExtensionState } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { visibleExtensions } from './identity.ts';
import { type EvidenceJudgement, type EvidenceRequirements, judgeUnread } from './judge.ts';
import { judgeImage, withoutVerity } from './judge-extensions.ts';
import { judgePlaces } from './judge-places.ts';
import { judgeParameters } from './judge-usr.ts';
import type { NextBoot } from './next-boot.ts';

type Wanted = Pick<EvidenceRequirements, 'usrVerity' | 'sysextVerity'>;
type Reference = NodeSet['reference'] | null;

/**
 * Judges whether what boots next agrees with itself, with what it is to be, and with the reference values of the node set.
 *
 * Left out is what there is only once it runs, and judgeEvidence judges then: device-mapper tables and their status, the
 * mounts of /usr, how extensions are merged and what they run from, units, and the kernel command line.
 */
export function judgeNextBoot(next: NextBoot, wanted: Wanted, reference: Reference): EvidenceJudgement {
  const findings = [
    ...next.contradictions.map(({ message, next: remedy }) => contradiction(message, remedy)),
    ...judgeUsr(next, wanted, reference),
    ...judgeKernel(next, reference),
    ...judgeState('sysexts', next.sysexts, wanted.sysextVerity),
    ...judgeState('confexts', next.confexts, false),
    ...next.unfit.map(unfitExtension),
    // Whether what was looked at is what lies there.
    ...judgePlaces(next, { extensions: 'running' }).findings,
    ...judgeUnread(next).findings,
  ];
  return { findings, checked: listChecked(next) };
}

/** Told with every verdict on a next boot, so that an admission is not taken for more than it is. */
export const judgedLater: Finding = buildFinding(
  'next-boot.later',
  'unavailable',
  'Nothing of the next boot runs or is enforced yet: device-mapper tables, mounts, merges, units, grades and the kernel command line are judged once it runs',
  { field: 'nextBoot', actual: null, expected: null, next: 'Run node verify after the reboot' },
);

const reinstall = 'Do not reboot; have update_engine write the release again, or boot the slot that runs now';

function contradiction(message: string, next: string): Finding {
  return buildFinding('next-boot.contradiction', 'untrusted', message, {
    field: 'nextBoot.usr',
    actual: null,
    expected: 'facts that agree',
    next: `${reinstall}. ${next}`,
  });
}

function judgeUsr({ usr }: NextBoot, { usrVerity }: Wanted, reference: Reference): readonly Finding[] {
  if (usr === null) return [];
  if (usr.verity !== null) return judgeParameters(usr.verity, reference, 'claimed');
  if (usrVerity === 'absent-allowed') return [];
  return [
    buildFinding('usr.no-verity', 'denied', `The /usr that boots next has no hash tree: ${usr.source}`, {
      field: 'os.usrHash',
      actual: null,
      expected: 'a verity hash tree',
      next: reinstall,
    }),
  ];
}

/** The running kernel cannot be compared: only what lies on the disk has a digest. */
function judgeKernel({ kernel, usr, unread }: NextBoot, reference: Reference): readonly Finding[] {
  const refuse = (message: string, actual: string | null, expected: string) =>
    buildFinding('next-boot.kernel', 'denied', message, {
      field: 'nextBoot.kernel',
      actual,
      expected,
      next: reinstall,
    });
  if (kernel === null)
    return unread.length > 0
      ? []
      : [refuse('The slot that boots next has no kernel', null, 'a kernel in /boot/flatcar')];
  const { path, sha256, embeddedUsrHash } = kernel;
  const signed = reference?.kernel?.sha256;
  return [
    // Without it the boot loader passes no verity.usrhash= on, and the initrd maps nothing.
    ...(embeddedUsrHash === null && usr !== null && usr.verity !== null
      ? [refuse(`${path} names no usr hash: /usr would run without dm-verity`, null, usr.verity.rootHash)]
      : []),
    ...(signed === undefined || signed === sha256
      ? []
      : [refuse(`${path} is not the kernel of the node set`, `sha256 ${sha256}`, `sha256 ${signed}`)]),
  ];
}

function judgeState(kind: 'sysexts' | 'confexts', state: ExtensionState, wantsVerity: boolean): readonly Finding[] {
  return (state.merged.value ?? [])
    .flatMap((name) => visibleExtensions(state, name))
    .flatMap((extension) => {
      const field = `${kind}.${extension.name}`;
      const isPlain = wantsVerity && extension.rootHash.value === null;
      return [...judgeImage(field, extension), ...(isPlain ? [withoutVerity(field, extension)] : [])];
    });
}

function unfitExtension({ field, path, reasons }: NextBoot['unfit'][number]): Finding {
  const [first] = reasons;
  return buildFinding(
    'extension.unfit',
    'denied',
    `${path} would not be merged by the next boot. ${reasons.map(({ message }) => message).join('. ')}`,
    {
      field,
      actual: first?.actual ?? null,
      expected: first?.expected ?? null,
      next: `Put the build for the next operating system at ${path} before the reboot`,
    },
  );
}

function listChecked({ slot, usr, kernel, sysexts, confexts }: NextBoot): readonly Checked[] {
  const claimed = (fact: string, value: string | null | undefined, source: string): readonly Checked[] =>
    value === null || value === undefined ? [] : [{ fact, value, grade: 'claimed', source }];
  return [
    ...claimed('nextBoot.slot', `${slot.name}: ${slot.flags}`, slot.source),
    ...(usr === null
      ? []
      : [
          ...claimed('os.id', usr.os.id, usr.source),
          ...claimed('os.versionId', usr.os.versionId, usr.source),
          ...claimed('os.buildId', usr.os.buildId, usr.source),
          ...claimed('os.architecture', usr.architecture, usr.source),
          ...claimed('os.usrHash', usr.verity?.rootHash, `every data block of ${usr.source}`),
        ]),
    ...(kernel === null ? [] : claimed('nextBoot.kernel.sha256', kernel.sha256, kernel.path)),
    ...(['sysexts', 'confexts'] as const).flatMap((kind) => {
      const state = kind === 'sysexts' ? sysexts : confexts;
      return (state.merged.value ?? [])
        .flatMap((name) => visibleExtensions(state, name))
        .flatMap(({ name, sha256 }) => claimed(`${kind}.${name}.sha256`, sha256.value, sha256.source));
    }),
  ];
}
