import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { Digest, decodeUtf8, Fault, limits } from '../../core/index.ts';

/** A private key of a type that bundle verifiers know, with what they look it up by. */
export type SigningKey = {
  readonly publicKeyPem: string;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer;
  readonly spkiSha256: Digest;
  /** The name of protobuf-specs' PublicKeyDetails under which Rekor v2 takes it; absent where it does not. */
  readonly rekorV2Details: string | undefined;
  sign(bytes: Uint8Array): Buffer;
};

/**
 * Reads the one private key of a PEM file: PKCS#8, SEC 1 or PKCS#1, as openssl writes them. P-256, P-384 and RSA sign with
 * SHA-256, whatever the curve, for DSSE has no field that could name another digest and verifiers assume this one; Ed25519
 * signs as it is. Faults: limit.pem, key.*. None holds anything of the key.
 */
export function parsePrivateKey(pem: Uint8Array, passphrase?: string): SigningKey {
  const privateKey = parsePem(pem, passphrase);
  const { details, digest } = judgeType(privateKey);
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    spki,
    spkiSha256: Digest.of('sha256', spki),
    rekorV2Details: details,
    sign: (bytes) => sign(digest, bytes, privateKey),
  };
}

/** The private key alone, for whoever signs otherwise than bundles are. Faults: limit.pem, key.*. */
export function openPrivateKey(pem: Uint8Array, passphrase?: string): KeyObject {
  return parsePem(pem, passphrase);
}

const next = 'make a key with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256';

function parsePem(pem: Uint8Array, passphrase: string | undefined): KeyObject {
  if (pem.byteLength > limits.pemBytes)
    throw new Fault('limit.pem', `Cannot read the key: ${pem.byteLength} bytes, want at most ${limits.pemBytes}`);
  const text = decodePem(pem);
  const label = findLabel(text);
  const encrypted = label === 'ENCRYPTED PRIVATE KEY' || text.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && passphrase === undefined)
    throw new Fault('key.encrypted', 'Cannot read the key: it is encrypted, want its passphrase', {
      next: 'Set NODEPROOF_KEY_PASSPHRASE; in a workflow, the input key-passphrase',
    });
  try {
    return createPrivateKey({
      key: text,
      format: 'pem',
      ...(encrypted && passphrase !== undefined ? { passphrase } : {}),
    });
  } catch {
    // OpenSSL's reason says nothing more, and what it quotes might be secret.
    if (encrypted) throw new Fault('key.passphrase', 'Cannot read the key: the passphrase does not open it');
    throw new Fault('key.pem', `Cannot read the key: the PEM block ${label} does not hold one`, { next });
  }
}

function decodePem(pem: Uint8Array): string {
  try {
    return decodeUtf8(pem, 'the key');
  } catch {
    throw new Fault('key.pem', 'Cannot read the key: not a text, want PEM', { next });
  }
}

/** The label of the private key (RFC 7468 §2). A file of several keys does not say which one signs. */
function findLabel(text: string): string {
  const labels = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?$/gm)].map((match) => match[1] ?? '');
  const [label, ...more] = labels.filter((each) => each !== 'EC PARAMETERS');
  if (label === undefined)
    throw new Fault('key.pem', 'Cannot read the key: no PEM block, want a private key', { next });
  if (more.length > 0)
    throw new Fault('key.pem', `Cannot read the key: ${more.length + 1} PEM blocks, want one private key`);
  if (label.includes('SIGSTORE') || label.includes('COSIGN'))
    throw new Fault('key.cosign', `Cannot read the key: ${label} is cosign's own format, want PKCS#8`, { next });
  if (!label.endsWith('PRIVATE KEY'))
    throw new Fault('key.not-private', `Cannot read the key: it is a ${label}, want a private key`, { next });
  return label;
}

type KeyType = { readonly details: string | undefined; readonly digest: 'sha256' | null };

/** Sizes of RSA keys that have a name in PublicKeyDetails; any from 2048 to 8192 bits signs. */
const rsaDetails: Readonly<Record<number, string>> = {
  2048: 'PKIX_RSA_PKCS1V15_2048_SHA256',
  3072: 'PKIX_RSA_PKCS1V15_3072_SHA256',
  4096: 'PKIX_RSA_PKCS1V15_4096_SHA256',
};

function judgeType(key: KeyObject): KeyType {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      // Rekor v2 hashes first (Ed25519ph), bundle verifiers do not.
      return { details: undefined, digest: null };
    case 'ec':
      if (namedCurve === 'prime256v1') return { details: 'PKIX_ECDSA_P256_SHA_256', digest: 'sha256' };
      // Rekor v2 has it with SHA-384 only, bundle verifiers with SHA-256 only.
      if (namedCurve === 'secp384r1') return { details: undefined, digest: 'sha256' };
      break;
    case 'rsa':
      if (modulusLength < 2048 || modulusLength > 8192)
        throw new Fault('key.size', `Cannot sign with this key: RSA of ${modulusLength} bits, want 2048 to 8192`);
      return { details: rsaDetails[modulusLength], digest: 'sha256' };
    default:
  }
  const type = namedCurve ?? key.asymmetricKeyType ?? 'unknown';
  throw new Fault('key.type', `Cannot sign with this key: ${type}, want P-256, P-384, Ed25519 or RSA`, { next });
}
