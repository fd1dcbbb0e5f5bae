import { Fault, withinAsync } from '../core/index.ts';
import { inTotoPayloadType } from '../formats/dsse/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { type Anchors, openTrustedRoot, parsePublicKey, type TrustedRootCandidate } from '../trust/index.ts';
import { parseSigningCertificate, verifyStatement } from '../verify/index.ts';
import type { Signer } from './signing/index.ts';
import type { UnsignedStatement } from './statements.ts';

/** A bundle that was made, and whether all in it was verified before it left. */
export type SignedStatement = {
  readonly statement: UnsignedStatement;
  readonly bundle: Uint8Array;
  /** False where a log or authority witnessed it and no trusted root says whose word counts. */
  readonly isVerified: boolean;
};

/**
 * Signs a statement and verifies the bundle as a stranger would, by the signer's own key or the given trusted roots: a
 * service's corrupted answer must not be released. Faults: attest.unverifiable, and those of the signer.
 */
export async function signVerified(
  statement: UnsignedStatement,
  signer: Signer,
  trustedRoots: readonly TrustedRootCandidate[],
): Promise<SignedStatement> {
  const bundle = await signer.signStatement(statement.bytes, inTotoPayloadType);
  return withinAsync(`${statement.predicateType} about ${statement.subjectName}`, async () => {
    const isVerified = verifiable(() => verifyOwn(parseBundle(bundle), statement, signer, trustedRoots));
    return { statement, bundle, isVerified };
  });
}

function verifyOwn(
  bundle: SigstoreBundle,
  statement: UnsignedStatement,
  signer: Signer,
  trustedRoots: readonly TrustedRootCandidate[],
): boolean {
  if (bundle.content.kind !== 'envelope' || !bundle.content.envelope.payload.equals(statement.bytes))
    throw new Fault('attest.unverifiable', 'Cannot release the bundle: it holds another statement');
  const hasWitnesses = bundle.logEntries.length > 0 || bundle.timestamps.length > 0 || bundle.certificate !== null;
  if (hasWitnesses && trustedRoots.length === 0) return false;
  verifyStatement(bundle, anchorsOf(bundle, signer, trustedRoots));
  return true;
}

/** What witnesses there are must hold; how many a verifier wants is its policy's word. */
const thresholds = { tlog: 0, sct: 0, timestamps: 1 } as const;

function anchorsOf(bundle: SigstoreBundle, { by }: Signer, trustedRoots: readonly TrustedRootCandidate[]): Anchors {
  const issuers = bundle.certificate === null ? [] : [parseSigningCertificate(bundle.certificate).issuer];
  return {
    roots: trustedRoots.map((candidate, at) =>
      openTrustedRoot({ name: `given-${at + 1}`, sha256: candidate.sha256, issuers, thresholds }, candidate),
    ),
    keys:
      by.kind === 'key'
        ? [{ ...parsePublicKey(by.publicKeyPem), name: 'own', validFrom: null, validUntil: '9999-12-31T23:59:59Z' }]
        : [],
  };
}

function verifiable(step: () => boolean): boolean {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'attest.unverifiable') throw error;
    throw new Fault('attest.unverifiable', `Cannot release the bundle: it does not verify. ${error.message}`, {
      cause: error,
      next: 'Sign again; where it stays, give the current --trusted-root of the services that signed',
      ...(error.where === undefined ? {} : { where: error.where }),
    });
  }
}
