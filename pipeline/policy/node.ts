import { type Checked, Digest, type Finding, type Grade, meetsGrade } from '../core/index.ts';
import {
  buildEvidenceIdentity,
  buildNextIdentity,
  type Evidence,
  type EvidenceIdentity,
  type EvidenceJudgement,
  type EvidenceRequirements,
  judgedLater,
  judgeEvidence,
  judgeNextBoot,
  type NextBoot,
} from '../evidence/index.ts';
import { identityDigest, type NodeSet } from '../release/index.ts';
import { type Attestation, claimsAbout, isNodeSet, type NodeSetAttestation } from './attestation.ts';
import { assessAll, distinctStatements, nodeSetsAmong, openShelf, type Shelf, unreadableFindings } from './shelf.ts';
import { matchMembers } from './members.ts';
import { judgeStatements } from './statements.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeFreshness } from './rules/freshness.ts';
import { judgeDifferences, nearestIdentity } from './rules/identity-difference.ts';
import { judgeIdentity, judgeNodeSet } from './rules/node-set.ts';
import { judgeRevoked, revocableIdentity, revocableSet } from './rules/revocation.ts';
import { leaveOpen, tellSilence } from './silence.ts';
import {
  activeWaivers,
  judgeNothingFound,
  type PolicyJudgement,
  type ReleaseMatch,
  type Situation,
} from './situation.ts';

/**
 * Judges a node by its evidence: fresh policy and pack → evidence that agrees with itself → identity → a signed node set
 * with exactly that identity (or, with `match: members`, a signed OS and every extension attested) → the policy's rules.
 * Every rule runs; whatever any of them finds refuses.
 */
export function judgeNode(
  evidence: Evidence,
  situation: Situation,
  extensions: EvidenceRequirements['extensions'] = 'running',
): PolicyJudgement {
  const requirements = requirementsOf(situation, extensions);
  return judgeSubject(buildEvidenceIdentity(evidence), situation, extensions, (reference) =>
    judgeEvidence(evidence, requirements, reference),
  );
}

/** Judges what the next boot of a node would run by the same rules, as far as they can be told before it does. */
export function judgeNextNode(next: NextBoot, situation: Situation): PolicyJudgement {
  const requirements = requirementsOf(situation, 'to-be-merged');
  const judgement = judgeSubject(buildNextIdentity(next), situation, 'to-be-booted', (reference) =>
    judgeNextBoot(next, requirements, reference),
  );
  return { ...judgement, ignored: [...judgement.ignored, judgedLater] };
}

/** How far what is judged has come: it runs, it is about to be merged into what runs, or the next boot would run it. */
type Stage = EvidenceRequirements['extensions'] | 'to-be-booted';

function judgeSubject(
  own: ReturnType<typeof buildEvidenceIdentity>,
  situation: Situation,
  stage: Stage,
  judgeFacts: (reference: NodeSet['reference'] | null) => EvidenceJudgement,
): PolicyJudgement {
  const { policy, material, now } = situation;
  const freshness = judgeFreshness(situation);
  const shelf = openShelf(situation);
  const outcome =
    'identity' in own
      ? judgeRelease(own, shelf, situation, stage)
      : { findings: own.findings, counted: [], set: null, ignored: [] };
  const facts = judgeFacts(outcome.set?.nodeSet.reference ?? null);
  return {
    identityDigest: 'identity' in own ? identityDigest(own.identity) : null,
    attestations: outcome.counted,
    checked: [...outcome.counted.map(checkedAttestation), ...facts.checked],
    waivers: activeWaivers(policy, now),
    ...tellSilence(
      {
        findings: [...freshness, ...facts.findings, ...outcome.findings],
        ignored: [...outcome.ignored, ...shelf.revocationProblems],
      },
      material.silences,
    ),
  };
}

/** What a policy wants of the facts, at the time of the judgement. */
export function requirementsOf(
  { policy, now }: Pick<Situation, 'policy' | 'now'>,
  extensions: EvidenceRequirements['extensions'],
): EvidenceRequirements {
  return {
    usrVerity: activeWaivers(policy, now).some((waiver) => waiver.option === 'node.usrVerity.absentUnsafe')
      ? 'absent-allowed'
      : 'required',
    sysextVerity: policy.node.sysexts.requireVerity,
    commandLine: policy.node.commandLine,
    extensions,
  };
}

type ReleaseOutcome = {
  readonly findings: readonly Finding[];
  readonly counted: readonly Attestation[];
  readonly set: NodeSetAttestation | null;
  readonly ignored: readonly Finding[];
};

/** Several signed sets may fit: one that expired, or that is for another role, hides no other. */
function judgeRelease(own: EvidenceIdentity, shelf: Shelf, situation: Situation, stage: Stage): ReleaseOutcome {
  const digest = identityDigest(own.identity);
  const matches =
    situation.policy.node.match === 'set'
      ? matchSet(own, digest, shelf, situation)
      : matchMembers(own, shelf, situation);
  const [best] = matches
    .map((match) => judgeMatch(own, digest, match, shelf, situation, stage))
    .sort((a, b) => a.findings.length - b.findings.length);
  if (best === undefined) throw new TypeError('Cannot happen: no match says why there is none');
  return best;
}

function judgeMatch(
  own: EvidenceIdentity,
  digest: Digest,
  { set, members, findings, ignored }: ReleaseMatch,
  shelf: Shelf,
  { policy, now }: Situation,
  stage: Stage,
): ReleaseOutcome {
  const statements = set === null ? { findings: [], counted: [] } : judgeStatements(set, shelf);
  const revocable = [
    revocableIdentity(own.identity, digest),
    ...(set === null
      ? []
      : [revocableSet(set.nodeSet, set.identityDigest, set.verified.statement.subject, policy.node.match)]),
  ];
  return {
    set,
    counted: [...(set === null ? [] : [set]), ...members, ...statements.counted],
    ignored,
    findings: [
      ...findings,
      ...judgeIdentity(own.identity, policy.node, own.gradeOf),
      ...judgeGrades(own, policy.node.grades, stage),
      ...judgeRevoked(revocable, shelf.context.revocations),
      ...(set === null ? [] : judgeNodeSet(set.nodeSet, policy.node, now)),
      ...statements.findings,
    ],
  };
}

/** The signed node sets with exactly this identity; where none counts, the nearest one that does and how the node differs. */
function matchSet(
  own: EvidenceIdentity,
  digest: Digest,
  shelf: Shelf,
  { policy, material }: Situation,
): readonly ReleaseMatch[] {
  const candidates = nodeSetsAmong(claimsAbout(shelf.claims, digest));
  const { counted, problems } = assessAll(candidates, 'node-set', policy.allow['node-set'] ?? [], shelf.context);
  const exact = counted.filter(isNodeSet).filter((set) => Digest.equals(set.identityDigest, digest));
  if (exact.length > 0) {
    const ignored = [...unreadableFindings(shelf), ...problems];
    return distinctStatements(exact).map((set) => ({ set, members: [], findings: [], ignored }));
  }
  const findings = [
    ...unreadableFindings(shelf),
    ...problems,
    ...judgeNothingFound(digest, material, candidates.length),
    ...leaveOpen(judgeNearest(own, digest, shelf, policy.allow['node-set'] ?? []), material.silences),
  ];
  return [{ set: null, members: [], findings, ignored: [] }];
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
  stage: Stage,
): readonly Finding[] {
  // What no kernel runs yet can be no more than claimed: it is judged again when it runs.
  if (stage === 'to-be-booted') return [];
  // What is not merged yet can be no more than claimed: it is judged again when it runs.
  const members =
    stage === 'running'
      ? [
          ...identity.sysexts.map((member) => `sysexts.${member.name}`),
          ...identity.confexts.map((member) => `confexts.${member.name}`),
        ]
      : [];
  const facts: readonly (readonly [string, Grade])[] = [
    ['os.id', wanted.os],
    ['os.versionId', wanted.os],
    ['os.buildId', wanted.os],
    ['os.architecture', wanted.os],
    ...(identity.os.usrHash === null ? [] : [['os.usrHash', wanted.usrHash] as const]),
    ...members.map((field) => [field, wanted.sysexts] as const),
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
