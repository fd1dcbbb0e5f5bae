import type { Finding, Grade } from '../../core/index.ts';
import { compareIdentities, type IdentityDifference, type NodeIdentity } from '../../release/index.ts';
import type { PolicyFindingCode } from '../finding-codes.ts';
import { buildFinding } from './finding.ts';

const osCodes = {
  id: 'os.id',
  versionId: 'os.version-id',
  buildId: 'os.build-id',
  architecture: 'os.architecture',
  usrHash: 'os.usr-hash',
} as const satisfies Record<keyof NodeIdentity['os'], PolicyFindingCode>;

/** Tells field by field how a node differs from a signed set: what an operator needs to find the cause. */
export function judgeDifferences(
  actual: NodeIdentity,
  expected: NodeIdentity,
  set: string,
  gradeOf: (field: string) => Grade,
): readonly Finding[] {
  return compareIdentities(actual, expected).map((difference) => {
    const code = codeOf(difference);
    return buildFinding(
      code,
      'denied',
      `${difference.field}: ${shown(difference.actual)}, want ${shown(difference.expected)} as node set ${set} has it`,
      {
        field: difference.field,
        actual: difference.actual,
        expected: difference.expected,
        grade: gradeOf(difference.field),
        next: nextOf(code, difference),
      },
    );
  });
}

function codeOf({ about, actual }: IdentityDifference): PolicyFindingCode {
  if ('os' in about) return osCodes[about.os];
  const area = about.kind === 'confexts' ? 'confext' : 'sysext';
  switch (about.fact) {
    case null:
      return actual === null ? `${area}.missing` : `${area}.extra`;
    case 'rootHash':
      return `${area}.root-hash`;
    default:
      return `${area}.digest`;
  }
}

function shown(value: string | null): string {
  return value ?? 'absent';
}

function nextOf(code: PolicyFindingCode, { about }: IdentityDifference): string {
  const name = 'os' in about ? about.os : about.member;
  switch (code) {
    case 'sysext.digest':
    case 'sysext.root-hash':
      return `Put the attested build of ${name} in place, or attest this one in the release workflow`;
    case 'sysext.extra':
      return `Remove ${name} from the extension directories, or attest a node set with it`;
    case 'sysext.missing':
      return `Install ${name} and merge again: systemctl restart systemd-sysext`;
    case 'os.usr-hash':
      return 'The /usr that runs is not the one that was signed: reinstall this node from the release image';
    case 'os.version-id':
    case 'os.build-id':
      return 'Update the node to the release that was signed, or attest the release that it runs';
    default:
      return 'Bring the node to what was signed, or attest what it runs';
  }
}

/** The signed identity that differs in the fewest fields. */
export function nearestIdentity<T extends { readonly identity: NodeIdentity }>(
  actual: NodeIdentity,
  candidates: readonly T[],
): T | undefined {
  const ranked = candidates.map((candidate) => ({
    candidate,
    distance: compareIdentities(actual, candidate.identity).length,
  }));
  return ranked.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}
