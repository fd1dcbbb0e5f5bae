import { X509Certificate } from 'node:crypto';
import { Fault } from '../../core/index.ts';
import { type DerElement, DerReader, parseDer, tags } from '../der/index.ts';

const leastRsaBits = 2048;
const subjectKeyIdentifierOid = '2.5.29.14';

/** The one certificate of a PEM file. Fault: key.certificate. */
export function parseCertificate(pem: string): X509Certificate {
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

/** Fault: key.type. */
export function keyTypeOf(certificate: X509Certificate): 'rsa' | 'ec' {
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

type CertificateNames = {
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly keyIdentifier: Uint8Array | null;
};

/** The names of a certificate as they are encoded (RFC 5280 §4.1): node:crypto only has them as text. */
export function readNames(der: Uint8Array): CertificateNames {
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
