import { createPublicKey, type KeyObject } from 'node:crypto';
import { Digest, Fault, limits } from '../core/index.ts';
import { decodeBase64 } from '../formats/json/index.ts';

const keyAlgorithms = ['P-256', 'P-384', 'Ed25519', 'RSA'] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

export type PublicKey = {
  readonly algorithm: KeyAlgorithm;
  /** SHA-256 of the SubjectPublicKeyInfo in DER: what a policy pins. */
  readonly spkiSha256: string;
  readonly key: KeyObject;
};

/**
 * Reads one public key: PEM of a SubjectPublicKeyInfo (RFC 7468 §13). EC and RSA signatures are made over SHA-256, also
 * with P-384: the library verifies no other. Faults: key.pem, key.type, key.size.
 */
export function parsePublicKey(pem: string): PublicKey {
  const der = decodePem(pem);
  const key = importKey(der);
  // A key has one DER form: bytes that the import passed over would give one key two digests.
  if (!key.export({ format: 'der', type: 'spki' }).equals(der)) {
    throw new Fault('key.pem', 'Cannot read public key: not the DER form of its key');
  }
  return Object.freeze({ algorithm: algorithmOf(key), spkiSha256: Digest.of('sha256', der).hex, key });
}

function decodePem(pem: string): Buffer {
  if (pem.length > limits.pemBytes) {
    throw new Fault('key.pem', `Cannot read public key: ${pem.length} characters, want at most ${limits.pemBytes}`);
  }
  const match =
    /^\s*-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END ([A-Z0-9 ]{1,40})-----\s*$/.exec(pem);
  if (match === null) throw new Fault('key.pem', 'Cannot read public key: not one PEM block');
  const [, begin, body, end] = match;
  if (begin !== 'PUBLIC KEY' || end !== begin) {
    throw new Fault('key.pem', `Cannot read public key: PEM block ${JSON.stringify(begin)}, want "PUBLIC KEY"`, {
      next: 'openssl pkey -in PRIVATE -pubout writes the public key',
    });
  }
  return decodeBase64((body ?? '').replaceAll(/[\r\n]/g, ''), 'public key');
}

function importKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Fault('key.pem', 'Cannot read public key: not a SubjectPublicKeyInfo of a known key', { cause });
  }
}

function algorithmOf(key: KeyObject): KeyAlgorithm {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'Ed25519';
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return 'P-256';
      if (details?.namedCurve === 'secp384r1') return 'P-384';
      throw unsupported(`EC curve ${details?.namedCurve}`);
    case 'rsa':
      checkModulus(details?.modulusLength ?? 0);
      return 'RSA';
    default:
      throw unsupported(String(key.asymmetricKeyType));
  }
}

function checkModulus(bits: number): void {
  if (bits >= 2048 && bits <= 8192) return;
  throw new Fault('key.size', `Cannot use public key: RSA of ${bits} bits, want 2048 to 8192`);
}

function unsupported(kind: string): Fault {
  return new Fault('key.type', `Cannot use public key: ${kind}, want one of ${keyAlgorithms.join(', ')}`);
}
