import { constants, hash, verify, X509Certificate } from 'node:crypto';
import { Fault } from '../../core/index.ts';
import { type DerElement, DerReader, parseDer, tags } from '../der/index.ts';
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

const leastRsaBits = 2048;
const subjectKeyIdentifierOid = '2.5.29.14';

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

function parseCertificate(pem: string): X509Certificate {
  const count = pem.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (count !== 1)
    throw new Fault('key.certificate', `Cannot read certificate: ${count} of them in PEM, want one`, {
      next: 'Give a file with the one certificate that signs images: -----BEGIN CERTIFICATE----- …',
    });
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Fault('key.certificate', 'Cannot read certificate: not X.509 in PEM', { cause });
  }
}

function keyTypeOf(certificate: X509Certificate): 'rsa' | 'ec' {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type !== 'rsa' && type !== 'ec')
    throw new Fault('key.type', `Cannot verify verity signature: a key of type ${type}, want RSA or EC`);
  if (type === 'rsa' && (details?.modulusLength ?? 0) < leastRsaBits)
    throw new Fault(
      'key.type',
      `Cannot verify verity signature: an RSA key of ${details?.modulusLength} bits, want at least ${leastRsaBits}`,
    );
  return type;
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

type CertificateNames = {
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly keyIdentifier: Uint8Array | null;
};

/** The names of a certificate as they are encoded (RFC 5280 §4.1): node:crypto only has them as text. */
function readNames(der: Uint8Array): CertificateNames {
  const certificate = new DerReader(parseDer(der, 'certificate'), 'certificate');
  const r = certificate.fields(tags.sequence, 'tbsCertificate');
  r.optional(tags.context(0, 'constructed'));
  const serial = r.element(tags.integer, 'serialNumber').content;
  r.element(tags.sequence, 'signature');
  const issuer = r.element(tags.sequence, 'issuer').encoding;
  r.element(tags.sequence, 'validity');
  r.element(tags.sequence, 'subject');
  r.element(tags.sequence, 'subjectPublicKeyInfo');
  r.optional(tags.context(1, 'primitive'));
  r.optional(tags.context(2, 'primitive'));
  const extensions = r.optional(tags.context(3, 'constructed'))?.children[0]?.children ?? [];
  return { issuer, serial, keyIdentifier: findKeyIdentifier(extensions) };
}

function findKeyIdentifier(extensions: readonly DerElement[]): Uint8Array | null {
  for (const extension of extensions) {
    const r = new DerReader(extension, 'certificate: extension');
    if (r.oid('extnID') !== subjectKeyIdentifierOid) continue;
    r.optional(tags.boolean);
    const value = parseDer(r.element(tags.octetString, 'extnValue').content, 'subject key identifier');
    return value.tag === tags.octetString ? value.content : null;
  }
  return null;
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
