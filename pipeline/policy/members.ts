import { Digest, type Finding } from '../core/index.ts';
import type { EvidenceIdentity } from '../evidence/index.ts';
import type { ExtensionMember, NodeSet } from '../release/index.ts';
import { type Attestation, claimsAbout } from './attestation.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeDifferences, nearestIdentity } from './rules/identity-difference.ts';
import { assessAll, claimsOfKind, nodeSetsAmong, type Shelf } from './shelf.ts';
import { judgeProvenance } from './rules/provenance.ts';
import type { Situation } from './situation.ts';

type MembersOutcome = {
  readonly findings: readonly Finding[];
  readonly counted: readonly Attestation[];
  readonly ignored: readonly Finding[];
};

/**
 * `match: members`: the operating system must be that of one signed node set; each extension is either a member of that
 * set or attested on its own by a signer that the policy allows for its name.
 */
export function judgeMembers(own: EvidenceIdentity, shelf: Shelf, { policy }: Situation): MembersOutcome {
  const { counted, problems } = assessAll(
    nodeSetsAmong(shelf.claims),
    'node-set',
    policy.allow['node-set'] ?? [],
    shelf.context,
  );
  const sameOs = counted.find((attestation) => attestation.nodeSet !== null && isSameOs(own, attestation.nodeSet));
  if (sameOs?.nodeSet === undefined || sameOs.nodeSet === null)
    return { counted: [], ignored: [], findings: [...problems, ...judgeUnknownOs(own, counted)] };
  const set = sameOs.nodeSet;
  const strangers = [
    ...own.identity.sysexts.map((member) => ({ member, listed: set.identity.sysexts })),
    ...own.identity.confexts.map((member) => ({ member, listed: set.identity.confexts })),
  ]
    .filter(({ member, listed }) => !listed.some((known) => isSameMember(known, member)))
    .map(({ member }) => judgeMember(member, shelf));
  return {
    counted: [sameOs, ...strangers.flatMap((outcome) => outcome.counted)],
    findings: strangers.flatMap((outcome) => outcome.findings),
    ignored: problems,
  };
}

/** Provenance of the extension's own bytes, by a signer for its name: another extension's attestation never counts for it. */
function judgeMember(
  member: ExtensionMember,
  shelf: Shelf,
): { readonly counted: readonly Attestation[]; readonly findings: readonly Finding[] } {
  const { policy } = shelf.context;
  const digest = Digest.fromHex('sha256', member.sha256);
  const allowed = policy.allow.member?.[member.name] ?? [];
  const candidates = claimsOfKind(claimsAbout(shelf.claims, digest), 'provenance').filter((claim) =>
    claim.statement.subject.some(
      (subject) =>
        subject.digest['sha256'] === member.sha256 && (subject.annotations?.['name'] ?? member.name) === member.name,
    ),
  );
  const { counted, problems } = assessAll(candidates, 'member', allowed, shelf.context);
  const [best] = counted.filter(
    (attestation) => attestation.provenance !== null && judgeProvenance(attestation.provenance, policy).length === 0,
  );
  if (best !== undefined) return { counted: [best], findings: [] };
  const provenance = counted.flatMap((attestation) =>
    attestation.provenance === null ? [] : judgeProvenance(attestation.provenance, policy),
  );
  return {
    counted: [],
    findings: [
      ...problems,
      ...provenance,
      buildFinding(
        'sysext.unattested',
        'denied',
        `Sysext ${member.name} (sha256 ${member.sha256}) is attested by nobody that the policy allows for it`,
        {
          field: `sysexts.${member.name}`,
          actual: `sha256 ${member.sha256}`,
          expected:
            allowed.length === 0 ? 'a signer under allow.member' : `provenance signed by ${allowed.join(' or ')}`,
          next: `Attest ${member.name}, or list its signer under allow.member.${member.name}`,
        },
      ),
    ],
  };
}

function judgeUnknownOs(own: EvidenceIdentity, counted: readonly Attestation[]): readonly Finding[] {
  const sets = counted.flatMap((attestation) => (attestation.nodeSet === null ? [] : [attestation.nodeSet]));
  const nearest = nearestIdentity(own.identity, sets);
  const none = buildFinding('node-set.none', 'denied', 'No signed node set has the operating system of this node', {
    field: 'os',
    actual: `${own.identity.os.id} ${own.identity.os.versionId ?? ''} usr ${own.identity.os.usrHash ?? 'without verity'}`,
    expected:
      nearest === undefined
        ? 'the operating system of a signed node set'
        : `${nearest.identity.os.id} ${nearest.identity.os.versionId ?? ''} usr ${nearest.identity.os.usrHash ?? 'without verity'}`,
    next: 'Attest this release, or give its trust pack',
  });
  if (nearest === undefined) return [none];
  const osOnly = { ...own.identity, sysexts: nearest.identity.sysexts, confexts: nearest.identity.confexts };
  return [none, ...judgeDifferences(osOnly, nearest.identity, nearest.name, own.gradeOf)];
}

function isSameOs(own: EvidenceIdentity, { identity }: NodeSet): boolean {
  const fields = ['id', 'versionId', 'buildId', 'architecture', 'usrHash'] as const;
  return fields.every((field) => own.identity.os[field] === identity.os[field]);
}

function isSameMember(left: ExtensionMember, right: ExtensionMember): boolean {
  return left.name === right.name && left.sha256 === right.sha256 && left.rootHash === right.rootHash;
}
