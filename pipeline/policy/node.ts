import { type Checked, Digest, type Finding, type Grade, meetsGrade } from '../core/index.ts';
import { buildEvidenceIdentity, type Evidence, type EvidenceIdentity, judgeEvidence } from '../evidence/index.ts';
import { identityDigest } from '../release/index.ts';
import { type Attestation, claimsAbout, readClaims } from './attestation.ts';
import { assessAll, countRevocations, nodeSetsAmong, type Shelf, unreadableFindings } from './shelf.ts';
import { judgeMembers } from './members.ts';
import { judgeStatements } from './statements.ts';
import { buildFinding } from './rules/finding.ts';
import { judgePackFreshness, judgePolicyFreshness } from './rules/freshness.ts';
import { judgeDifferences, nearestIdentity } from './rules/identity-difference.ts';
import { judgeIdentity, judgeNodeSet } from './rules/node-set.ts';
import { judgeRevoked } from './rules/revocation.ts';
import { activeWaivers, judgeNothingFound, type PolicyJudgement, type Situation } from './situation.ts';

/**
 * Judges a node by its evidence: fresh policy and pack → evidence that agrees with itself → identity → a signed node set
 * with exactly that identity (or, with `match: members`, a signed OS and every extension attested) → the policy's rules.
 * Every rule runs; whatever any of them finds refuses.
 */
export function judgeNode(evidence: Evidence, situation: Situation): PolicyJudgement {
  const { policy, material, state, now } = situation;
  const freshness = [
    ...judgePolicyFreshness(policy, state, now),
    ...(material.pack === null ? [] : judgePackFreshness(material.pack, policy, state, now)),
  ];
  const own = buildEvidenceIdentity(evidence);
  const shelf: Shelf = { ...readClaims(material.bundles), context: { policy, anchors: material.anchors, now } };
  const outcome =
    'identity' in own ? judgeRelease(own, shelf, situation) : { findings: own.findings, counted: [], ignored: [] };
  const facts = judgeEvidence(
    evidence,
    {
      usrVerity: activeWaivers(policy, now).some((waiver) => waiver.option === 'node.usrVerity.absentUnsafe')
        ? 'absent-allowed'
        : 'required',
      sysextVerity: policy.node.sysexts.requireVerity,
      commandLine: policy.node.commandLine,
    },
    outcome.counted.find((attestation) => attestation.nodeSet !== null)?.nodeSet?.reference ?? null,
  );
  return {
    identityDigest: 'identity' in own ? identityDigest(own.identity) : null,
    attestations: outcome.counted,
    checked: [...outcome.counted.map(checkedAttestation), ...facts.checked],
    findings: [...freshness, ...facts.findings, ...outcome.findings],
    waivers: activeWaivers(policy, now),
    ignored: outcome.ignored,
  };
}

type ReleaseOutcome = {
  readonly findings: readonly Finding[];
  readonly counted: readonly Attestation[];
  readonly ignored: readonly Finding[];
};

function judgeRelease(own: EvidenceIdentity, shelf: Shelf, situation: Situation): ReleaseOutcome {
  const { policy, now } = situation;
  const digest = identityDigest(own.identity);
  const revocations = [...policy.revocations, ...countRevocations(shelf)];
  const matched =
    policy.node.match === 'set' ? matchSet(own, digest, shelf, situation) : judgeMembers(own, shelf, situation);
  const nodeSet = matched.counted.find((attestation) => attestation.nodeSet !== null)?.nodeSet;
  const statements =
    nodeSet === undefined || nodeSet === null ? { findings: [], counted: [] } : judgeStatements(nodeSet, shelf);
  return {
    counted: [...matched.counted, ...statements.counted],
    ignored: matched.ignored,
    findings: [
      ...matched.findings,
      ...judgeIdentity(own.identity, policy.node, own.gradeOf),
      ...judgeGrades(own, policy.node.grades),
      ...judgeRevoked(own.identity, digest, revocations),
      ...(nodeSet === undefined || nodeSet === null ? [] : judgeNodeSet(nodeSet, policy.node, now)),
      ...statements.findings,
    ],
  };
}

/** One signed node set with exactly this identity; where none counts, the nearest one that does and how the node differs. */
function matchSet(
  own: EvidenceIdentity,
  digest: Digest,
  shelf: Shelf,
  { policy, material }: Situation,
): ReleaseOutcome {
  const candidates = nodeSetsAmong(claimsAbout(shelf.claims, digest));
  const { counted, problems } = assessAll(candidates, 'node-set', policy.allow['node-set'] ?? [], shelf.context);
  const exact = counted.filter(
    (attestation) => attestation.identityDigest !== null && Digest.equals(attestation.identityDigest, digest),
  );
  if (exact.length > 0)
    return { counted: exact.slice(0, 1), findings: [], ignored: [...unreadableFindings(shelf), ...problems] };
  return {
    counted: [],
    ignored: [],
    findings: [
      ...unreadableFindings(shelf),
      ...problems,
      ...judgeNothingFound(digest, material, candidates.length),
      ...judgeNearest(own, digest, shelf, policy.allow['node-set'] ?? []),
    ],
  };
}

/** Only signed sets that count are compared with: an attacker must not choose what an operator is told to install. */
function judgeNearest(
  own: EvidenceIdentity,
  digest: Digest,
  shelf: Shelf,
  allowed: readonly string[],
): readonly Finding[] {
  const { counted } = assessAll(nodeSetsAmong(shelf.claims), 'node-set', allowed, shelf.context);
  const sets = counted.flatMap((attestation) => (attestation.nodeSet === null ? [] : [attestation.nodeSet]));
  const nearest = nearestIdentity(own.identity, sets);
  const none = buildFinding(
    'node-set.none',
    'denied',
    `No signed node set has the identity of this node, ${Digest.format(digest)}${nearest === undefined ? '' : `; the nearest is ${nearest.name}`}`,
    {
      field: 'identity',
      actual: Digest.format(digest),
      expected:
        nearest === undefined ? 'the identity of a signed node set' : Digest.format(identityDigest(nearest.identity)),
      grade: own.grade,
      next: nearest === undefined ? 'Attest this release, or give its trust pack' : 'See the differences below',
    },
  );
  return nearest === undefined
    ? [none]
    : [none, ...judgeDifferences(own.identity, nearest.identity, nearest.name, own.gradeOf)];
}

function judgeGrades(
  { identity, gradeOf }: EvidenceIdentity,
  wanted: Situation['policy']['node']['grades'],
): readonly Finding[] {
  const facts: readonly (readonly [string, Grade])[] = [
    ['os.id', wanted.os],
    ['os.versionId', wanted.os],
    ...(identity.os.usrHash === null ? [] : [['os.usrHash', wanted.usrHash] as const]),
    ...identity.sysexts.map((member) => [`sysexts.${member.name}`, wanted.sysexts] as const),
  ];
  return facts
    .filter(([field, grade]) => !meetsGrade(gradeOf(field), grade))
    .map(([field, grade]) =>
      buildFinding('evidence.grade', 'denied', `${field} is ${gradeOf(field)}, the policy wants it ${grade}`, {
        field,
        actual: gradeOf(field),
        expected: grade,
        grade: gradeOf(field),
        next:
          grade === 'kernel'
            ? 'Run it from dm-verity, so that the kernel answers for it'
            : 'Enrol the TPM of this node and send a quote',
      }),
    );
}

/** What an attestation that counted adds to an admission. */
export function checkedAttestation({ kind, name, signer, verified, nodeSet }: Attestation): Checked {
  const by = verified.signer.kind === 'key' ? `key ${verified.signer.name}` : verified.signer.subjectAlternativeName;
  return {
    fact: nodeSet === null ? `${kind} statement` : `node set ${nodeSet.name}`,
    value: `sha256:${verified.payloadSha256}`,
    grade: null,
    source: `${name}, signed by ${by} (policy signer ${signer})`,
  };
}
