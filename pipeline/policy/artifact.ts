import { Digest, type Finding } from '../core/index.ts';
import { type AssessmentContext, type Attestation, claimsAbout, kindOf, readClaims } from './attestation.ts';
import { checkedAttestation } from './node.ts';
import { buildFinding } from './rules/finding.ts';
import { judgePackFreshness, judgePolicyFreshness } from './rules/freshness.ts';
import { judgeIdentity, judgeNodeSet } from './rules/node-set.ts';
import { judgeProvenance } from './rules/provenance.ts';
import { judgeRevoked, judgeRevokedFile } from './rules/revocation.ts';
import type { Revocation } from './schema.ts';
import { assessAll, countRevocations, type Shelf, unreadableFindings } from './shelf.ts';
import { activeWaivers, judgeNothingFound, type PolicyJudgement, type Situation } from './situation.ts';

const artifactKinds = ['node-set', 'provenance', 'sbom'] as const;

/**
 * An auditor's check of one artifact, or of an identity digest: fresh policy and pack → attestations that name this
 * digest → those that count → the policy's rules on what they say. Nothing that counts is a refusal.
 */
export function judgeArtifact(digest: Digest, situation: Situation): PolicyJudgement {
  const { policy, material, state, now } = situation;
  const context: AssessmentContext = { policy, anchors: material.anchors, now };
  const shelf: Shelf = { ...readClaims(material.bundles), context };
  const revocations = [...policy.revocations, ...countRevocations(shelf)];
  const about = claimsAbout(shelf.claims, digest);
  const assessed = artifactKinds.map((kind) => ({
    kind,
    ...assessAll(
      about.filter((claim) => kindOf(claim.statement.predicateType) === kind),
      kind,
      policy.allow[kind] ?? [],
      context,
    ),
  }));
  const outcomes = assessed
    .flatMap(({ counted }) => counted)
    .map((attestation) => ({ attestation, findings: judgeContent(attestation, digest, situation, revocations) }));
  const good = outcomes.filter((outcome) => outcome.findings.length === 0).map((outcome) => outcome.attestation);
  const problems = [
    ...unreadableFindings(shelf),
    ...assessed.flatMap((kind) => kind.problems),
    ...outcomes.flatMap((outcome) => outcome.findings),
  ];
  const proves = good.some((attestation) => attestation.kind !== 'sbom');
  return {
    identityDigest: good.find((attestation) => attestation.identityDigest !== null)?.identityDigest ?? null,
    attestations: good,
    checked: good.map(checkedAttestation),
    findings: [
      ...judgePolicyFreshness(policy, state, now),
      ...(material.pack === null ? [] : judgePackFreshness(material.pack, policy, state, now)),
      ...judgeRevokedFile(digest, revocations),
      ...(proves
        ? []
        : [...problems, ...judgeNothingFound(digest, material, about.length), ...judgeUnproven(digest, good.length)]),
      ...(proves ? judgeRequired(digest, good, situation) : []),
    ],
    waivers: activeWaivers(policy, now),
    ignored: proves ? problems : [],
  };
}

/** What an attestation that counts says must be in order too: a revoked or expired node set vouches for nothing. */
function judgeContent(
  attestation: Attestation,
  digest: Digest,
  { policy, now }: Situation,
  revocations: readonly Revocation[],
): readonly Finding[] {
  const { nodeSet, identityDigest, provenance } = attestation;
  if (provenance !== null) return judgeProvenance(provenance, policy);
  if (nodeSet === null || identityDigest === null) return [];
  const osOnly = {
    ...policy.node,
    sysexts: { ...policy.node.sysexts, required: [], denyUnlisted: false },
    confexts: { allowed: [], denyUnlisted: false },
  };
  return [
    ...judgeNodeSet(nodeSet, policy.node, now),
    ...judgeIdentity(nodeSet.identity, Digest.equals(identityDigest, digest) ? policy.node : osOnly, () => 'claimed'),
    ...judgeRevoked(nodeSet.identity, identityDigest, revocations),
  ];
}

/** An SBOM says what is in an artifact, not that anyone released it. */
function judgeUnproven(digest: Digest, sboms: number): readonly Finding[] {
  if (sboms === 0) return [];
  return [
    buildFinding(
      'attestation.required',
      'denied',
      `Only SBOMs that count name ${Digest.format(digest)}: want a node set or provenance`,
      {
        field: 'attestations',
        actual: 'sbom',
        expected: 'node-set or provenance',
        next: 'Give the complete trust pack of the release',
      },
    ),
  ];
}

function judgeRequired(digest: Digest, good: readonly Attestation[], { policy }: Situation): readonly Finding[] {
  return (['provenance', 'sbom'] as const)
    .filter(
      (kind) =>
        policy.require[kind] &&
        !good.some(
          (attestation) =>
            attestation.kind === kind ||
            (attestation.identityDigest !== null && Digest.equals(attestation.identityDigest, digest)),
        ),
    )
    .map((kind) =>
      buildFinding(
        'attestation.required',
        'denied',
        `No ${kind} statement that counts names ${Digest.format(digest)}, and the policy wants one`,
        {
          field: `require.${kind}`,
          actual: null,
          expected: kind,
          next: `Give the ${kind} bundle of this artifact, or take the complete trust pack`,
        },
      ),
    );
}
