import type { X509Certificate } from 'node:crypto';
import { createPublicKey, hash, type KeyObject, sign } from 'node:crypto';
import { Fault, limits } from '../../core/index.ts';
import { encodeDer, encodeOid, tags } from '../der/index.ts';
import { keyTypeOf, parseCertificate, readNames } from './certificate.ts';
import type { VeritySignature } from './verity-signature.ts';

/** Whoever signs root hashes: a private key and the certificate that verifiers have. */
export type RootHashSigner = { readonly key: KeyObject; readonly certificate: X509Certificate };

/** Joins a key with its certificate. Faults: key.certificate, key.type, key.other-certificate. */
export function openRootHashSigner(key: KeyObject, certificatePem: string): RootHashSigner {
  const certificate = parseCertificate(certificatePem);
  keyTypeOf(certificate);
  const spki = (each: KeyObject): Buffer => each.export({ type: 'spki', format: 'der' });
  if (!spki(createPublicKey(key)).equals(spki(certificate.publicKey)))
    throw new Fault('key.other-certificate', 'Cannot sign root hashes: the certificate is not of this key', {
      next: 'Give the certificate that belongs to the key',
    });
  return { key, certificate };
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
  ecdsaSha256: '1.2.840.10045.4.3.2',
} as const;

const none = encodeDer(tags.null);
const version1 = encodeDer(tags.integer, Buffer.from([1]));

/**
 * Signs a root hash as systemd-repart does: a detached PKCS#7 signature without attributes over its 64 ASCII characters, with
 * the certificate (RFC 5652 §5). An RSA key gives the same bytes every time, an EC key other ones.
 */
export function signRootHash(rootHash: string, { key, certificate }: RootHashSigner): VeritySignature {
  const isRsa = keyTypeOf(certificate) === 'rsa';
  const { issuer, serial } = readNames(certificate.raw);
  const sha256 = encodeDer(tags.sequence, encodeOid(oids.sha256), none);
  const algorithm = isRsa
    ? encodeDer(tags.sequence, encodeOid(oids.rsa), none)
    : encodeDer(tags.sequence, encodeOid(oids.ecdsaSha256));
  const signerInfo = encodeDer(
    tags.sequence,
    version1,
    encodeDer(tags.sequence, issuer, encodeDer(tags.integer, serial)),
    sha256,
    algorithm,
    encodeDer(tags.octetString, sign('sha256', Buffer.from(rootHash, 'ascii'), key)),
  );
  const signedData = encodeDer(
    tags.sequence,
    version1,
    encodeDer(tags.set, sha256),
    encodeDer(tags.sequence, encodeOid(oids.data)),
    encodeDer(tags.context(0, 'constructed'), certificate.raw),
    encodeDer(tags.set, signerInfo),
  );
  const content = encodeDer(tags.context(0, 'constructed'), signedData);
  return {
    rootHash,
    certificateFingerprint: hash('sha256', certificate.raw, 'hex'),
    signature: encodeDer(tags.sequence, encodeOid(oids.signedData), content),
  };
}

/** What a signature partition holds, without its padding (UAPI.2, "verity signature partition"). Fault: limit.verity-signature. */
export function encodeVeritySignature({ rootHash, certificateFingerprint, signature }: VeritySignature): Uint8Array {
  const text = JSON.stringify({
    rootHash,
    certificateFingerprint,
    signature: Buffer.from(signature).toString('base64'),
  });
  if (text.length > limits.veritySignatureBytes)
    throw new Fault(
      'limit.verity-signature',
      `Cannot write the signature: ${text.length} bytes, want at most ${limits.veritySignatureBytes}`,
    );
  return Buffer.from(text);
}
