import { createHash } from 'node:crypto';
import { Digest, type DigestAlgorithm, Fault } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { bindingDigests, parseStatement, type Statement, subjectsOf } from '../formats/statement/index.ts';
import type { Anchors } from '../trust/index.ts';
import { judgeKey } from './judge-signer.ts';
import type { ArtifactBytes } from './signed-content.ts';
import type { Signer } from './signer.ts';
import { markVerified, type Verified } from './verified.ts';
import { type BundleInput, bundleOf, payloadOf } from './verify-statement.ts';
import { verifySigner } from './verify-signer.ts';

/** Who must have signed: an identity in a certificate, compared whole, or a pinned key by its name. */
export type ExpectedSigner =
  | {
      readonly identity: { readonly issuer: string; readonly subjectAlternativeName: string };
      readonly key?: never;
      readonly now?: never;
    }
  | {
      readonly key: string;
      readonly identity?: never;
      /** The time of the verification: needed where nobody vouches for the time of the signature, for keys end. */
      readonly now?: Date;
    };

/** What must have been signed. Chunks are walked once. A message signature wants the bytes, a digest is not enough. */
export type ExpectedArtifact =
  | { readonly artifactDigest: Digest; readonly artifact?: never }
  | { readonly artifact: ArtifactBytes; readonly artifactDigest?: never };

export type Expectation = ExpectedSigner & ExpectedArtifact;

export type VerifiedBundle = {
  readonly signer: Verified<Signer>;
  /** The digest that binds the artifact to the signature. */
  readonly artifactDigest: Digest;
  /** The statement about the artifact; null for a message signature, which is over the artifact itself. */
  readonly statement: Verified<Statement> | null;
  readonly bundleSha256: string;
};

/**
 * Verifies that an expected signer signed an expected artifact, as an in-toto statement about it or as a message.
 * Faults: usage.expectation where the expectation is empty, signature.identity, signature.key-time, statement.subject, and those of
 * verifyStatement.
 */
export function verifyBundle(input: BundleInput, anchors: Anchors, expectation: Expectation): Verified<VerifiedBundle> {
  checkExpectation(expectation);
  const bundle = bundleOf(input);
  return bundle.content.kind === 'message'
    ? verifyMessage(bundle, bundle.content.digest, anchors, expectation)
    : verifyAttestation(bundle, anchors, expectation);
}

function verifyMessage(
  bundle: SigstoreBundle,
  claimed: Digest,
  anchors: Anchors,
  expectation: Expectation,
): Verified<VerifiedBundle> {
  const signer = verifySigner(bundle, anchors, expectation.artifact ?? null);
  checkSigner(signer, expectation);
  // The signature was verified over the artifact's bytes, whose digest was found to be the claimed one.
  return markVerified({ signer, artifactDigest: claimed, statement: null, bundleSha256: bundle.sha256 });
}

function verifyAttestation(
  bundle: SigstoreBundle,
  anchors: Anchors,
  expectation: Expectation,
): Verified<VerifiedBundle> {
  const payload = payloadOf(bundle);
  const signer = verifySigner(bundle, anchors, null);
  checkSigner(signer, expectation);
  const statement = markVerified(parseStatement(payload));
  const digests =
    expectation.artifact === undefined ? [expectation.artifactDigest] : digestArtifact(statement, expectation.artifact);
  const artifactDigest = digests.find((digest) => subjectsOf(statement, digest).length > 0);
  if (artifactDigest === undefined) throw subjectFault(statement, digests);
  return markVerified({ signer, artifactDigest, statement, bundleSha256: bundle.sha256 });
}

/** A JavaScript caller may leave out what the types demand; nothing expected would be everything accepted. */
function checkExpectation(expectation: Expectation): void {
  const { identity, key, artifact, artifactDigest } = expectation;
  const named =
    identity === undefined ? Boolean(key) : Boolean(identity.issuer) && Boolean(identity.subjectAlternativeName);
  if (!named || (identity !== undefined && key !== undefined)) {
    throw new Fault(
      'usage.expectation',
      'Cannot verify: want the signer’s issuer and identity, or the name of a pinned key',
    );
  }
  if ((artifact === undefined) === (artifactDigest === undefined)) {
    throw new Fault('usage.expectation', 'Cannot verify: want the artifact or its digest');
  }
}

function checkSigner(signer: Signer, expectation: Expectation): void {
  const wanted = expectation.identity;
  const matches =
    wanted === undefined
      ? signer.kind === 'key' && signer.name === expectation.key
      : signer.kind === 'certificate' &&
        signer.issuer === wanted.issuer &&
        signer.subjectAlternativeName === wanted.subjectAlternativeName;
  if (matches) return checkKeyTime(signer, expectation);
  const want = wanted === undefined ? `key ${expectation.key}` : `${wanted.subjectAlternativeName} (${wanted.issuer})`;
  throw new Fault('signature.identity', `Cannot accept the signer: ${describeSigner(signer)}, want ${want}`);
}

/** The key's dates, at the authenticated times of the signature; without one, now. */
function checkKeyTime(signer: Signer, expectation: Expectation): void {
  if (signer.kind !== 'key') return;
  const { now } = expectation;
  if (signer.signedAt.length === 0 && now === undefined) {
    throw new Fault(
      'usage.expectation',
      `Cannot verify: nobody vouches for the time of the signature by key ${signer.name}, want the time of the verification`,
    );
  }
  const [finding] = judgeKey(signer.name, signer, now === undefined ? '' : isoText(now));
  if (finding === undefined) return;
  throw new Fault(
    'signature.key-time',
    `Cannot accept the signer: key ${signer.name} signed ${finding.actual}, want ${finding.expected}`,
    { next: finding.next },
  );
}

/** A time that is none is outside of every key's time. */
function isoText(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'never' : time.toISOString();
}

/** A signer in one line. */
function describeSigner(signer: Signer): string {
  return signer.kind === 'key' ? `key ${signer.name}` : `${signer.subjectAlternativeName} (${signer.issuer})`;
}

/** The artifact's digests by the algorithms that the subjects use, in one walk. */
function digestArtifact(statement: Statement, artifact: ArtifactBytes): readonly Digest[] {
  const algorithms = new Set<DigestAlgorithm>(
    statement.subject.flatMap((subject) => bindingDigests(subject.digest).map((digest) => digest.algorithm)),
  );
  const states = [...algorithms].map((algorithm) => ({ algorithm, state: createHash(algorithm) }));
  for (const chunk of artifact instanceof Uint8Array ? [artifact] : artifact) {
    for (const { state } of states) state.update(chunk);
  }
  return states.map(({ algorithm, state }) => Digest.fromBytes(algorithm, state.digest()));
}

function subjectFault(statement: Statement, digests: readonly Digest[]): Fault {
  const actual = digests.map((digest) => Digest.format(digest)).join(', ');
  return new Fault(
    'statement.subject',
    `Cannot apply the statement: the artifact is ${actual || 'of no comparable digest'}, none of its ${statement.subject.length} subjects`,
    { next: 'Look for the bundle that names this digest' },
  );
}
