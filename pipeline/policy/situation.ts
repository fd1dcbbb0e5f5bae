import { Digest, type Finding, type Judgement, type Waiver } from '../core/index.ts';
import { type Anchors, isNameOnly } from '../trust/index.ts';
import type { Attestation, BundleFile, NodeSetAttestation } from './attestation.ts';
import { buildFinding } from './rules/finding.ts';
import type { PackFacts } from './rules/freshness.ts';
import type { Policy } from './schema.ts';
import type { Silence } from './silence.ts';
import type { State } from './state.ts';

/** What is judged besides the subject itself. All of it is untrusted but the anchors, which the policy pinned. */
export type Material = {
  readonly anchors: Anchors;
  /** Pins of the policy that nothing offered fits. */
  readonly missingAnchors: readonly string[];
  readonly bundles: readonly BundleFile[];
  readonly pack: PackFacts | null;
  /** Places that were asked for more and gave no whole answer. */
  readonly silences: readonly Silence[];
};

export type Situation = {
  readonly policy: Policy;
  readonly material: Material;
  readonly state: State;
  readonly now: Date;
};

/** A judgement with what it stands on. */
export type PolicyJudgement = Judgement & {
  readonly identityDigest: Digest | null;
  /** The attestations that counted. */
  readonly attestations: readonly Attestation[];
  /** Why other attestations did not count, where that refused nothing: a junk bundle neither admits nor hides a good one. */
  readonly ignored: readonly Finding[];
};

/** One way to match a signed release, or why there is none. */
export type ReleaseMatch = {
  readonly findings: readonly Finding[];
  readonly set: NodeSetAttestation | null;
  /** Attestations of extensions on their own. */
  readonly members: readonly Attestation[];
  readonly ignored: readonly Finding[];
};

/** What the policy switches off in so many words; one past its end is no waiver any more. */
export function activeWaivers(policy: Policy, now: Date): readonly Waiver[] {
  const { usrVerity } = policy.node;
  const absent =
    usrVerity !== 'required' && Date.parse(usrVerity.absentUnsafe.until) > now.getTime()
      ? [usrVerity.absentUnsafe]
      : [];
  const nameOnly = policy.signers.filter(isNameOnly);
  return [
    ...absent.map(({ why, until }) => ({ option: 'node.usrVerity.absentUnsafe', why, until })),
    ...nameOnly.map((signer) => ({
      option: `signers.${signer.name}.${signer.kind}.nameOnlyUnsafe`,
      why: 'repository and owner are compared by name only, which whoever takes the name over passes',
      until: policy.expiresAt,
    })),
  ];
}

/** Nothing counted: says that no attestation was there, or which pinned anchor was missing to judge those that were. */
export function judgeNothingFound(
  digest: Digest,
  { missingAnchors }: Material,
  candidates: number,
): readonly Finding[] {
  const none = buildFinding(
    'attestation.none',
    'denied',
    `No attestation that names ${Digest.format(digest)} was found`,
    {
      field: 'attestations',
      actual: null,
      expected: Digest.format(digest),
      next: 'Give the bundles with --trust-pack, --bundle, --dir or --from, or attest this release',
    },
  );
  const missing = missingAnchors.map((anchor) =>
    buildFinding(
      'anchor.missing',
      'unavailable',
      `Cannot judge signatures by ${anchor}: the policy pins it and nothing that was given has it`,
      {
        field: 'trust',
        actual: null,
        expected: anchor,
        next: 'Give it with --trusted-root or --public-key, or take the trust pack of the release',
      },
    ),
  );
  return candidates === 0 ? [none] : missing;
}
