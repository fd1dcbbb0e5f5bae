import type { X509Certificate } from 'node:crypto';
import { constants, hash, verify } from 'node:crypto';
import { Fault } from '../../core/index.ts';
import { keyTypeOf, parseCertificate, readNames } from './certificate.ts';
import { parseSignedData, type SignatureDigest, type Signer } from './signed-data.ts';
import type { VeritySignature } from './verity-signature.ts';

/** Who signed a root hash, as the given certificate says. The certificate itself is trusted because it was given. */
export type VeritySigner = {
  readonly subject: string;
  readonly issuer: string;
  /** In hexadecimal. */
  readonly serialNumber: string;
  /** SHA-256 of the certificate in DER, lower-case hexadecimal. */
  readonly certificateFingerprint: string;
  readonly keyType: 'rsa' | 'ec';
  readonly digest: SignatureDigest;
  /** The validity of the certificate, for whoever has a clock. */
  readonly validFrom: Date;
  readonly validTo: Date;
};

/**
 * Verifies that the key of a certificate signed the root hash: a detached PKCS#7 signature over the root hash's 64 ASCII
 * characters, as `openssl smime -sign -noattr -binary` and systemd-repart make it, and as the kernel checks it when
 * dm-verity is given `root_hash_sig_key_desc`. No chain is built and no clock is asked: the certificate is the anchor.
 *
 * Steps: the certificate · the fingerprint names it · the signer is it · no other certificate came along · the message
 * digest where attributes are signed · the signature.
 *
 * Faults: key.certificate, key.type (ours to repair), verity-signature.fingerprint, verity-signature.signer,
 * verity-signature.digest, verity-signature.signature, and those of reading PKCS#7.
 */
export function verifyVeritySignature(signature: VeritySignature, certificatePem: string): VeritySigner {
  const certificate = parseCertificate(certificatePem);
  const keyType = keyTypeOf(certificate);
  const fingerprint = hash('sha256', certificate.raw, 'hex');
  if (signature.certificateFingerprint !== fingerprint)
    throw new Fault(
      'verity-signature.fingerprint',
      `Cannot verify verity signature: it is by certificate ${signature.certificateFingerprint}, want ${fingerprint}`,
      { next: 'Give the certificate of the image builder who made this image' },
    );
  const signer = parseSignedData(signature.signature);
  checkSigner(signer, certificate);
  checkCertificates(signer, certificate);
  if (signer.keyType !== keyType)
    throw refused('verity-signature.signer', `a signature of type ${signer.keyType}, the certificate has ${keyType}`);
  checkSignature(signer, certificate, signature.rootHash);
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    serialNumber: certificate.serialNumber.toLowerCase(),
    certificateFingerprint: fingerprint,
    keyType,
    digest: signer.digest,
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
  };
}

/** The signer names the certificate by issuer and serial number, or by its subject key identifier. */
function checkSigner({ identifier }: Signer, certificate: X509Certificate): void {
  const named = readNames(certificate.raw);
  const same =
    'issuer' in identifier
      ? equal(identifier.issuer, named.issuer) && equal(identifier.serial, named.serial)
      : named.keyIdentifier !== null && equal(identifier.subjectKeyIdentifier, named.keyIdentifier);
  if (!same) throw refused('verity-signature.signer', 'its signer names another certificate than the one given');
}

/** What came along must be what was given: a certificate that nothing checks could be anything. */
function checkCertificates({ certificates }: Signer, certificate: X509Certificate): void {
  if (certificates.length > 1 || certificates.some((other) => !equal(other, certificate.raw)))
    throw refused('verity-signature.signer', 'it carries other certificates than the one given');
}

function checkSignature(signer: Signer, certificate: X509Certificate, rootHash: string): void {
  const content = Buffer.from(rootHash, 'ascii');
  const { attributes, digest } = signer;
  if (attributes !== null && !equal(attributes.messageDigest, hash(digest, content, 'buffer')))
    throw refused('verity-signature.digest', `its message digest is not of root hash ${rootHash}`);
  const message = attributes === null ? content : attributes.encoding;
  const key = certificate.publicKey;
  const valid =
    signer.keyType === 'rsa'
      ? verify(digest, message, { key, padding: constants.RSA_PKCS1_PADDING }, signer.signature)
      : verify(digest, message, { key, dsaEncoding: 'der' }, signer.signature);
  if (!valid)
    throw refused(
      'verity-signature.signature',
      `root hash ${rootHash} is not what ${oneLine(certificate.subject)} signed`,
    );
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}

function refused(code: `verity-signature.${string}`, problem: string): Fault {
  return new Fault(code, `Cannot verify verity signature: ${problem}`);
}
