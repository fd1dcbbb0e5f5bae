import { Digest, Fault, type FaultCode } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import type { Anchors, OpenedRoot } from '../trust/index.ts';
import { parseSigningCertificate, type SigningCertificate } from './certificate.ts';
import { checkLogEntries } from './log-entry.ts';
import { verifyUnderKey, verifyUnderRoot } from './cryptography.ts';
import type { AuthenticatedTime, CertificateSigner, KeySigner, Signer } from './signer.ts';
import { type ArtifactBytes, findSigningKey } from './signed-content.ts';
import { markVerified, type Verified } from './verified.ts';

/**
 * Finds out who signed a bundle, by the anchors alone: under each pinned root with its own thresholds and issuers, or by
 * each pinned key. What the bundle says of itself (key hints, key ids) chooses nothing.
 * Faults: certificate.*, signature.*, bundle.log-entry, bundle.timestamp, bundle.artifact, bundle.malformed.
 */
export function verifySigner(
  bundle: SigstoreBundle,
  anchors: Anchors,
  artifact: ArtifactBytes | null,
): Verified<Signer> {
  return bundle.certificate === null
    ? verifyKeySigner(bundle, anchors, artifact)
    : verifyCertificateSigner(bundle, bundle.certificate, anchors, artifact);
}

function verifyCertificateSigner(
  bundle: SigstoreBundle,
  der: Buffer,
  anchors: Anchors,
  artifact: ArtifactBytes | null,
): Verified<CertificateSigner> {
  checkLogEntries(bundle.logEntries, { kind: 'certificate', der });
  const certificate = parseSigningCertificate(der);
  const key = findSigningKey(bundle, [certificate.publicKey], artifact);
  if (key === null)
    throw new Fault('signature.mismatch', 'Cannot verify the signature: not made with the certificate’s key');
  if (anchors.roots.length === 0) {
    throw new Fault('signature.no-root', `Cannot trust the certificate of ${certificate.issuer}: no root is pinned`, {
      next: 'Pin the Sigstore instance in trust.roots',
    });
  }
  const attempts = anchors.roots.map((root) =>
    attempt(root, () => {
      const times = verifyUnderRoot(bundle, key, root);
      checkIssuer(root, certificate);
      return times;
    }),
  );
  const successes = attempts.filter((outcome) => 'value' in outcome);
  const [first] = successes;
  if (first === undefined) throw furthest(attempts);
  const roots = successes.map(({ root }) => root.name);
  // Under each root every time in the bundle was verified: they are the same times.
  return markVerified(certificateSigner(roots, certificate, first.value));
}

/** A private authority can write any issuer into its certificates: each root vouches for the issuers it was given. */
function checkIssuer(root: OpenedRoot, certificate: SigningCertificate): void {
  if (root.issuers.includes(certificate.issuer)) return;
  throw new Fault(
    'certificate.issuer',
    `Cannot trust the signing certificate: issuer ${certificate.issuer}, want ${root.issuers.join(' or ')}`,
    { next: 'If this root may vouch for the issuer, list it in trust.roots, issuers' },
  );
}

function certificateSigner(
  roots: readonly string[],
  certificate: SigningCertificate,
  signedAt: readonly AuthenticatedTime[],
): CertificateSigner {
  return {
    kind: 'certificate',
    roots,
    issuer: certificate.issuer,
    subjectAlternativeName: certificate.subjectAlternativeName,
    github: certificate.github,
    certificateSha256: certificate.sha256,
    spkiSha256: Digest.of('sha256', certificate.publicKey.export({ type: 'spki', format: 'der' })).hex,
    signedAt,
  };
}

function verifyKeySigner(
  bundle: SigstoreBundle,
  anchors: Anchors,
  artifact: ArtifactBytes | null,
): Verified<KeySigner> {
  const found = findSigningKey(
    bundle,
    anchors.keys.map((pinned) => pinned.key),
    artifact,
  );
  const pinned = anchors.keys.find((candidate) => candidate.key === found);
  if (found === null || pinned === undefined) {
    const names = anchors.keys.map((candidate) => candidate.name).join(', ');
    throw new Fault(
      'signature.no-key',
      `Cannot verify the signature: made by none of the pinned keys (${names || 'none'})`,
      {
        next: 'Pin the signer’s key in trust.keys; EC and RSA keys sign SHA-256 digests, P-384 too',
      },
    );
  }
  checkLogEntries(bundle.logEntries, { kind: 'key', der: found.export({ type: 'spki', format: 'der' }) });
  const { name, spkiSha256, validFrom, validUntil } = pinned;
  const identity = { kind: 'key', name, spkiSha256, validFrom, validUntil } as const;
  if (bundle.logEntries.length === 0 && bundle.timestamps.length === 0) {
    return markVerified({ ...identity, signedAt: verifyUnderKey(bundle, found, null), timeRoot: null });
  }
  const attempts = anchors.roots.map((root) => attempt(root, () => verifyUnderKey(bundle, found, root)));
  const success = attempts.find((outcome) => 'value' in outcome);
  if (success === undefined) throw furthest(attempts);
  return markVerified({ ...identity, signedAt: success.value, timeRoot: success.root.name });
}

type Attempt<T> =
  | { readonly root: OpenedRoot; readonly value: T }
  | { readonly root: OpenedRoot; readonly fault: Fault };

function attempt<T>(root: OpenedRoot, step: () => T): Attempt<T> {
  try {
    return { root, value: step() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { root, fault: error };
  }
}

/** Steps of a verification in their order: a bundle belongs to the root under which it came furthest. */
const stages: readonly FaultCode[] = [
  'bundle.malformed',
  'bundle.timestamp',
  'certificate.chain',
  'bundle.log-entry',
  'signature.mismatch',
  'certificate.issuer',
];

function furthest(attempts: readonly Attempt<unknown>[]): Fault {
  const faults = attempts.flatMap((outcome) => ('fault' in outcome ? [outcome] : []));
  const [last] = faults.sort((left, right) => stages.indexOf(right.fault.code) - stages.indexOf(left.fault.code));
  if (last === undefined) {
    return new Fault(
      'bundle.no-root',
      'Cannot trust the log entries and timestamps of this key’s bundle: no root is pinned',
      {
        next: 'Pin the Sigstore instance whose log or timestamp authority they are of in trust.roots',
      },
    );
  }
  const { fault, root } = last;
  return new Fault(fault.code, `${fault.message} (root ${root.name})`, {
    cause: fault,
    ...(fault.next === undefined ? {} : { next: fault.next }),
  });
}
