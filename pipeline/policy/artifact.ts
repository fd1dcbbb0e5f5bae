import { Digest, type Finding } from '../core/index.ts';
import { type Attestation, claimsAbout, isNodeSet, kindOf } from './attestation.ts';
import { checkedAttestation } from './node.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeFreshness } from './rules/freshness.ts';
import { judgeIdentity, judgeNodeSet } from './rules/node-set.ts';
import { judgeProvenance } from './rules/provenance.ts';
import { judgeRevoked, judgeRevokedFile, revocableIdentity, revocableSet } from './rules/revocation.ts';
import type { Policy } from './schema.ts';
import { assessAll, openShelf, type Shelf, unreadableFindings } from './shelf.ts';
import { tellSilence } from './silence.ts';
import { activeWaivers, judgeNothingFound, type PolicyJudgement, type Situation } from './situation.ts';
import { judgeStatements, wantedKinds } from './statements.ts';

const artifactKinds = ['node-set', 'provenance', 'sbom'] as const;

/**
 * An auditor's check of one artifact, or of an identity digest: fresh policy and pack → attestations that name this
 * digest → those that count → the policy's rules on what they say. Nothing that counts is a refusal.
 */
export function judgeArtifact(digest: Digest, situation: Situation): PolicyJudgement {
  const { policy, material, now } = situation;
  const shelf = openShelf(situation);
  const { context } = shelf;
  const about = artifactKinds.map((kind) => ({
    kind,
    claims: claimsAbout(shelf.claims, digest).filter((claim) => kindOf(claim.statement.predicateType) === kind),
  }));
  const assessed = about.map(({ kind, claims }) => assessAll(claims, kind, policy.allow[kind] ?? [], context));
  const outcomes = assessed
    .flatMap(({ counted }) => counted)
    .map((attestation) => ({ attestation, findings: judgeContent(attestation, digest, shelf) }));
  const good = outcomes.filter((outcome) => outcome.findings.length === 0).map((outcome) => outcome.attestation);
  const problems = [
    ...unreadableFindings(shelf, digest),
    ...assessed.flatMap((kind) => kind.problems),
    ...outcomes.flatMap((outcome) => outcome.findings),
  ];
  const proves = good.some((attestation) => attestation.kind !== 'sbom');
  const candidates = about.reduce((sum, { claims }) => sum + claims.length, 0);
  const judged = {
    findings: [
      ...judgeFreshness(situation),
      ...judgeRevokedFile(digest, context.revocations),
      ...(proves
        ? [...judgeRevokedSets(outcomes), ...judgeRequired(digest, outcomes, policy)]
        : [...problems, ...judgeNothingFound(digest, material, candidates), ...judgeUnproven(digest, good.length)]),
    ],
    ignored: [...(proves ? problems : []), ...shelf.revocationProblems],
  };
  return {
    identityDigest: good.find(isNodeSet)?.identityDigest ?? null,
    attestations: good,
    checked: good.map(checkedAttestation),
    waivers: activeWaivers(policy, now),
    ...tellSilence(judged, material.silences),
  };
}

type Outcome = { readonly attestation: Attestation; readonly findings: readonly Finding[] };

/** What an attestation that counts says must be in order too: a revoked or expired node set vouches for nothing. */
function judgeContent(attestation: Attestation, digest: Digest, shelf: Shelf): readonly Finding[] {
  const { policy, now, revocations } = shelf.context;
  const { provenance, signer } = attestation;
  if (provenance !== null) return judgeProvenance(provenance, signer, policy);
  if (!isNodeSet(attestation)) return [];
  const { nodeSet, identityDigest } = attestation;
  const isItself = Digest.equals(identityDigest, digest);
  const osOnly = {
    ...policy.node,
    sysexts: { ...policy.node.sysexts, required: [], denyUnlisted: false },
    confexts: { allowed: [], denyUnlisted: false },
  };
  // Of a member nothing is wanted that is about the others; the set itself answers for all of them.
  const revocable = isItself
    ? revocableSet(nodeSet, identityDigest, attestation.verified.statement.subject, 'set')
    : revocableIdentity(nodeSet.identity, identityDigest);
  return [
    ...judgeNodeSet(nodeSet, policy.node, now),
    ...judgeIdentity(nodeSet.identity, isItself ? policy.node : osOnly, () => 'claimed'),
    ...judgeRevoked([revocable], revocations),
    ...(isItself ? judgeStatements(attestation, shelf).findings : []),
  ];
}

/** Provenance says how a file was made, and not that its release was revoked since. */
function judgeRevokedSets(outcomes: readonly Outcome[]): readonly Finding[] {
  const sets = outcomes.filter(({ attestation }) => isNodeSet(attestation));
  if (sets.some(({ findings }) => findings.length === 0)) return [];
  return sets.flatMap(({ findings }) => findings.filter((finding) => finding.code.startsWith('revoked.')));
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

/** A node set that is asked for by its identity has its statements pinned, which were judged with it. */
function judgeRequired(digest: Digest, outcomes: readonly Outcome[], policy: Policy): readonly Finding[] {
  const good = outcomes.filter((outcome) => outcome.findings.length === 0).map((outcome) => outcome.attestation);
  if (good.some(({ identityDigest }) => identityDigest !== null && Digest.equals(identityDigest, digest))) return [];
  const missing = wantedKinds(policy).filter((kind) => !good.some((attestation) => attestation.kind === kind));
  return [
    ...outcomes.flatMap(({ attestation, findings }) =>
      missing.some((kind) => kind === attestation.kind) ? findings : [],
    ),
    ...missing.map((kind) =>
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
    ),
  ];
}
