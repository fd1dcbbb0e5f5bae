import { Digest, type Finding } from '../core/index.ts';
import type { EvidenceIdentity } from '../evidence/index.ts';
import type { Subject } from '../formats/statement/index.ts';
import type { ExtensionMember, NodeIdentity, NodeSet } from '../release/index.ts';
import { type Attestation, claimsAbout, isNodeSet, type NodeSetAttestation } from './attestation.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeDifferences, nearestIdentity } from './rules/identity-difference.ts';
import { assessAll, claimsOfKind, distinctStatements, nodeSetsAmong, type Shelf } from './shelf.ts';
import { judgeProvenance } from './rules/provenance.ts';
import { leaveOpen } from './silence.ts';
import type { ReleaseMatch, Situation } from './situation.ts';

/**
 * `match: members`: the operating system must be that of one signed node set; each extension is either a member of that
 * set or attested on its own by a signer that the policy allows for its name.
 */
export function matchMembers(
  own: EvidenceIdentity,
  shelf: Shelf,
  { policy, material }: Situation,
): readonly ReleaseMatch[] {
  const { counted, problems } = assessAll(
    nodeSetsAmong(shelf.claims),
    'node-set',
    policy.allow['node-set'] ?? [],
    shelf.context,
  );
  const sets = distinctStatements(counted.filter(isNodeSet));
  const sameOs = sets.filter((set) => isSameOs(own.identity, set.nodeSet));
  if (sameOs.length === 0) {
    const unknown = leaveOpen(judgeUnknownOs(own, sets), material.silences);
    return [{ set: null, members: [], ignored: [], findings: [...problems, ...unknown] }];
  }
  const judged = new Map<string, MemberOutcome>();
  return sameOs.map((set) => {
    const strangers = strangersTo(set.nodeSet, own).map((member) => {
      const key = `${member.name} ${member.sha256}`;
      const outcome = judged.get(key) ?? judgeMember(member, shelf);
      judged.set(key, outcome);
      return outcome;
    });
    return {
      set,
      members: strangers.flatMap((outcome) => outcome.counted),
      findings: strangers.flatMap((outcome) => outcome.findings),
      ignored: problems,
    };
  });
}

/** The extensions that the set does not have. */
function strangersTo({ identity }: NodeSet, own: EvidenceIdentity): readonly ExtensionMember[] {
  return [
    ...own.identity.sysexts.map((member) => ({ member, listed: identity.sysexts })),
    ...own.identity.confexts.map((member) => ({ member, listed: identity.confexts })),
  ]
    .filter(({ member, listed }) => !listed.some((known) => isSameMember(known, member)))
    .map(({ member }) => member);
}

export type MemberOutcome = { readonly counted: readonly Attestation[]; readonly findings: readonly Finding[] };

/** Provenance of the extension's own bytes, by a signer for its name: another extension's attestation never counts for it. */
export function judgeMember(member: ExtensionMember, shelf: Shelf): MemberOutcome {
  const { policy } = shelf.context;
  const digest = Digest.fromHex('sha256', member.sha256);
  const { member: byName = {} } = policy.allow;
  // Names come from the node: `constructor` is one like any other.
  const allowed = Object.hasOwn(byName, member.name) ? (byName[member.name] ?? []) : [];
  const candidates = claimsOfKind(claimsAbout(shelf.claims, digest), 'provenance').filter((claim) =>
    claim.statement.subject.some((subject) => subject.digest['sha256'] === member.sha256 && isNamed(subject, member)),
  );
  const { counted, problems } = assessAll(candidates, 'member', allowed, shelf.context);
  const best = counted.find(
    ({ provenance, signer }) => provenance !== null && judgeProvenance(provenance, signer, policy).length === 0,
  );
  if (best !== undefined) return { counted: [best], findings: [] };
  const builds = counted.flatMap(({ provenance, signer }) =>
    provenance === null ? [] : judgeProvenance(provenance, signer, policy),
  );
  return {
    counted: [],
    findings: [
      ...problems,
      ...builds,
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

/**
 * Whether a subject is an extension of this name: by the annotation that `nodeproof attest` writes, else by its file's
 * name as publishers write it: `kubernetes.raw`, `kubernetes-v1.34.2-x86-64.raw`. One signer signs many files, and a node
 * can give any of them any name.
 */
function isNamed({ name, annotations }: Subject, member: ExtensionMember): boolean {
  const annotated = annotations?.['name'];
  if (annotated !== undefined) return annotated === member.name;
  const file = name?.slice(name.lastIndexOf('/') + 1) ?? '';
  if (!file.startsWith(member.name)) return false;
  return /^(?:[-_]v?[0-9][^/]*)?(?:\.raw)?$/.test(file.slice(member.name.length));
}

function judgeUnknownOs(own: EvidenceIdentity, counted: readonly NodeSetAttestation[]): readonly Finding[] {
  const nearest = nearestIdentity(
    own.identity,
    counted.map((set) => set.nodeSet),
  );
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

export function isSameOs(own: NodeIdentity, { identity }: NodeSet): boolean {
  const fields = ['id', 'versionId', 'buildId', 'architecture', 'usrHash'] as const;
  return fields.every((field) => own.os[field] === identity.os[field]);
}

export function isSameMember(left: ExtensionMember, right: ExtensionMember): boolean {
  return left.name === right.name && left.sha256 === right.sha256 && left.rootHash === right.rootHash;
}
