import { createPublicKey, X509Certificate } from 'node:crypto';
import { Fault, type Json, limits } from '../core/index.ts';
import { decodeBase64, parseJsonBytes, quoteText } from '../formats/json/index.ts';
import type { LogEntry } from '../formats/sigstore-bundle/index.ts';

/** Who made the signature, as it must stand in the log: the certificate, or the key where there is none. */
export type LoggedSigner = { readonly kind: 'certificate' | 'key'; readonly der: Buffer };

/**
 * Checks what the library leaves open about transparency log entries, so that no part of it can be read in two ways:
 * the proof's numbers are the checkpoint's, an entry without promise has no time, and each names this signer.
 * Otherwise a signature could be logged under another certificate, out of sight of who watches the log for an identity.
 * Faults: bundle.log-entry.
 */
export function checkLogEntries(entries: readonly LogEntry[], signer: LoggedSigner): void {
  for (const entry of entries) {
    checkTime(entry);
    checkProof(entry);
    checkSigner(entry, signer);
  }
}

/** Rekor v2 has no time and no promise, and its index is the proof's. */
function checkTime(entry: LogEntry): void {
  if (entry.kindVersion.version !== '0.0.2' || entry.kindVersion.kind === 'intoto') return;
  if (entry.inclusionPromise !== undefined || entry.integratedTime !== '0') {
    throw refusal('an entry of Rekor v2 with a time of its own');
  }
  if (entry.logIndex !== entry.inclusionProof?.logIndex) throw refusal('its index is not the proof’s');
}

/** C2SP tlog-checkpoint: origin, size, root hash, each a line. The library compares neither number with the proof. */
function checkProof(entry: LogEntry): void {
  const proof = entry.inclusionProof;
  if (proof === undefined) throw refusal('no inclusion proof');
  const end = proof.checkpoint.envelope.indexOf('\n\n');
  const [, size, rootHash] = proof.checkpoint.envelope.slice(0, Math.max(end, 0)).split('\n');
  if (size !== proof.treeSize) throw refusal(`tree size ${proof.treeSize}, checkpoint ${quoteText(size ?? '')}`);
  if (rootHash !== proof.rootHash)
    throw refusal(`root hash ${proof.rootHash}, checkpoint ${quoteText(rootHash ?? '')}`);
  const signatures = proof.checkpoint.envelope.slice(end + 2);
  if (!/^(?:\u2014 \S+ [A-Za-z0-9+/]+={0,2}\n)+$/.test(signatures)) throw refusal('malformed checkpoint signatures');
}

/** The library compares the signature and the digest only. */
function checkSigner(entry: LogEntry, signer: LoggedSigner): void {
  const body = parseJsonBytes(decodeBase64(entry.canonicalizedBody, 'log entry'), 'log entry', limits.bundleBytes);
  const logged = readLoggedSigner(body, `${entry.kindVersion.kind} ${entry.kindVersion.version}`);
  if (logged.kind !== signer.kind || !logged.der.equals(signer.der)) {
    throw refusal(`it names another ${logged.kind}, not the bundle’s ${signer.kind}`);
  }
}

/** Where each kind of entry holds the signer (sigstore/rekor pkg/types, sigstore/rekor-tiles api/proto). */
const signerPaths: Readonly<Record<string, readonly (string | number)[]>> = {
  'dsse 0.0.1': ['spec', 'signatures', 0, 'verifier'],
  'hashedrekord 0.0.1': ['spec', 'signature', 'publicKey', 'content'],
  'intoto 0.0.2': ['spec', 'content', 'envelope', 'signatures', 0, 'publicKey'],
  'dsse 0.0.2': ['spec', 'dsseV002', 'signatures', 0, 'verifier'],
  'hashedrekord 0.0.2': ['spec', 'hashedRekordV002', 'signature', 'verifier'],
};

function readLoggedSigner(body: Json, kind: string): LoggedSigner {
  const path = signerPaths[kind];
  if (path === undefined) throw refusal(`unknown kind ${quoteText(kind)}, want ${Object.keys(signerPaths).join(', ')}`);
  const value = path.reduce(stepInto, body);
  if (typeof value === 'string') return decodePemSigner(value);
  const certificate = stepInto(stepInto(value, 'x509Certificate'), 'rawBytes');
  if (typeof certificate === 'string') return { kind: 'certificate', der: decodeBase64(certificate, 'log entry') };
  const key = stepInto(stepInto(value, 'publicKey'), 'rawBytes');
  if (typeof key === 'string') return { kind: 'key', der: decodeBase64(key, 'log entry') };
  throw refusal('it names no signer');
}

function stepInto(value: Json, step: string | number): Json {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return null;
  return (value as { readonly [key: string | number]: Json })[step] ?? null;
}

/** Rekor v1: base64 of PEM. */
function decodePemSigner(text: string): LoggedSigner {
  const pem = decodeBase64(text, 'log entry').toString('latin1');
  try {
    if (pem.startsWith('-----BEGIN CERTIFICATE-----'))
      return { kind: 'certificate', der: new X509Certificate(pem).raw };
    return { kind: 'key', der: createPublicKey(pem).export({ type: 'spki', format: 'der' }) };
  } catch (cause) {
    throw refusal('it names no signer', cause);
  }
}

function refusal(problem: string, cause?: unknown): Fault {
  return new Fault(
    'bundle.log-entry',
    `Cannot trust the transparency log entry: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}
