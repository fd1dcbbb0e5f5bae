import type { KeyObject } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { type SignedEntity, toSignedEntity, type TrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { Fault, type FaultCode } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import type { OpenedRoot, Thresholds } from '../trust/index.ts';
import type { AuthenticatedTime } from './signer.ts';
import { checkTimestamp } from './timestamp.ts';
import { emptyTrustMaterial, keepEncoding, trustMaterialOf } from './trust-material.ts';

/** A bundle as the library takes it. Made anew for each attempt, as the library may keep state in it. */
function openEntity(bundle: SigstoreBundle, key: KeyObject): SignedEntity {
  const entity = toSignedEntity(bundleFromJSON(bundle.json));
  if (entity.key.$case === 'certificate') keepEncoding(entity.key.certificate);
  for (const timestamp of entity.timestamps) {
    if (timestamp.$case === 'timestamp-authority') checkTimestamp(timestamp.timestamp);
  }
  // The library wants a message as one buffer. It was streamed already: what is left to say is which key it was.
  if (bundle.content.kind === 'message') entity.signature.verifySignature = (candidate) => candidate.equals(key);
  return entity;
}

/**
 * Verifies the bundle's certificate, log entries, timestamps and signature under one root with this root's own
 * thresholds, as of the authenticated times. Faults: those of refusalOf, bundle.log-entry, bundle.timestamp.
 *
 * @param key the certificate's, which the signature was found to be made with
 */
export function verifyUnderRoot(
  bundle: SigstoreBundle,
  key: KeyObject,
  root: OpenedRoot,
): readonly AuthenticatedTime[] {
  return verifyWith(bundle, key, trustMaterialOf(root), root.thresholds);
}

/**
 * Verifies a signature by a pinned key. A log entry or timestamp in the bundle must verify under the one root given;
 * a bundle without either is verified without a root and has no authenticated time.
 */
export function verifyUnderKey(
  bundle: SigstoreBundle,
  key: KeyObject,
  root: OpenedRoot | null,
): readonly AuthenticatedTime[] {
  const material = root === null ? emptyTrustMaterial() : trustMaterialOf(root);
  // The key was pinned by its digest and found by its signature. Its dates are the policy's, judged with the signer.
  const publicKey = () => ({ publicKey: key, validFor: () => true });
  return verifyWith(bundle, key, { ...material, publicKey }, { tlog: 0, sct: 0, timestamps: 0 });
}

function verifyWith(
  bundle: SigstoreBundle,
  key: KeyObject,
  material: TrustMaterial,
  thresholds: Thresholds,
): readonly AuthenticatedTime[] {
  try {
    const entity = openEntity(bundle, key);
    const verifier = new Verifier(material, {
      tlogThreshold: thresholds.tlog,
      ctlogThreshold: thresholds.sct,
      timestampThreshold: thresholds.timestamps,
    });
    verifier.verify(entity);
    checkDistinctness(bundle, entity, thresholds);
    const times = authenticatedTimes(entity);
    checkLogWindows(bundle, material, times);
    return times.map(({ at, source }) => ({ at: at.toISOString(), source }));
  } catch (error) {
    throw refusalOf(error);
  }
}

/** One log or authority that speaks twice is one witness. The library counts entries and timestamps. */
function checkDistinctness(bundle: SigstoreBundle, entity: SignedEntity, thresholds: Thresholds): void {
  const logs = new Set(bundle.logEntries.map((entry) => entry.logId.keyId));
  if (logs.size < thresholds.tlog) {
    throw new Fault('bundle.log-entry', `Cannot trust bundle: entries in ${logs.size} logs, want ${thresholds.tlog}`);
  }
  const clocks = new Set(
    entity.timestamps.flatMap((timestamp) => {
      if (timestamp.$case === 'timestamp-authority') {
        const { signerIssuer, signerSerialNumber } = timestamp.timestamp;
        return `${signerIssuer.toString('hex')} ${signerSerialNumber.toString('hex')}`;
      }
      return timestamp.tlogEntry.inclusionPromise === undefined ? [] : timestamp.tlogEntry.logId.keyId.toString('hex');
    }),
  );
  if (clocks.size < thresholds.timestamps) {
    throw new Fault(
      'bundle.timestamp',
      `Cannot trust bundle: ${clocks.size} time sources, want ${thresholds.timestamps}`,
    );
  }
}

type Instant = { readonly at: Date; readonly source: AuthenticatedTime['source'] };

/** Times of a verified entity: signed timestamps, and log entries whose promise covers their time. Oldest first. */
function authenticatedTimes(entity: SignedEntity): readonly Instant[] {
  const times = entity.timestamps.flatMap((timestamp): readonly Instant[] => {
    if (timestamp.$case === 'timestamp-authority') {
      return [{ at: timestamp.timestamp.signingTime, source: 'timestamp-authority' }];
    }
    if (timestamp.tlogEntry.inclusionPromise === undefined) return [];
    return [{ at: new Date(Number(timestamp.tlogEntry.integratedTime) * 1000), source: 'log-promise' }];
  });
  return times.sort((left, right) => left.at.getTime() - right.at.getTime());
}

/** A retired log's key vouches for its own days only. The library looks at the window only where there is a promise. */
function checkLogWindows(bundle: SigstoreBundle, material: TrustMaterial, times: readonly Instant[]): void {
  for (const entry of bundle.logEntries) {
    const keyId = Buffer.from(entry.logId.keyId, 'base64');
    const windows = material.tlogs.filter((log) => log.logID.equals(keyId)).map((log) => log.validFor);
    if (times.length > 0 && !windows.some(({ start, end }) => times.some(({ at }) => start <= at && at <= end))) {
      throw new Fault('bundle.log-entry', 'Cannot trust the transparency log entry: signed outside of the log’s time');
    }
  }
}

/** What the library's codes mean here, in the order of its steps: how far a bundle came under a root. */
const refusals: Readonly<Record<string, { readonly code: FaultCode; readonly what: string }>> = {
  TIMESTAMP_ERROR: { code: 'bundle.timestamp', what: 'Cannot trust the time of the signature' },
  CERTIFICATE_ERROR: { code: 'certificate.chain', what: 'Cannot trust the signing certificate' },
  PUBLIC_KEY_ERROR: { code: 'signature.no-key', what: 'Cannot trust the signing key' },
  TLOG_ERROR: { code: 'bundle.log-entry', what: 'Cannot trust the transparency log entry' },
  TLOG_INCLUSION_PROOF_ERROR: { code: 'bundle.log-entry', what: 'Cannot trust the transparency log entry' },
  TLOG_INCLUSION_PROMISE_ERROR: { code: 'bundle.log-entry', what: 'Cannot trust the transparency log entry' },
  TLOG_MISSING_INCLUSION_ERROR: { code: 'bundle.log-entry', what: 'Cannot trust the transparency log entry' },
  TLOG_BODY_ERROR: { code: 'bundle.log-entry', what: 'Cannot trust the transparency log entry' },
  SIGNATURE_ERROR: { code: 'signature.mismatch', what: 'Cannot verify the signature' },
};

/** Whatever the library throws is a refusal: it throws TypeErrors, ASN.1 errors and OpenSSL errors on hostile bytes. */
function refusalOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const known = error instanceof VerificationError ? refusals[error.code] : undefined;
  if (known === undefined)
    return new Fault('bundle.malformed', 'Cannot verify bundle: a part of it is malformed', { cause: error });
  const detail = printable(error instanceof Error ? error.message : '');
  return new Fault(known.code, `${known.what}: ${detail}`, { cause: error });
}

/** One line of the library's words: they may quote the input. */
function printable(message: string): string {
  return message.replaceAll(/[^\u0020-\u007e]+/g, ' ').slice(0, 200);
}
