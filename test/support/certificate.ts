import {
  authorityExtensions,
  createAuthority,
  distinguishedName,
  encodePem,
  issueCertificate,
  type KeyPair,
  leafExtensions,
} from './loopback-sigstore/certificate.ts';

/** A certificate in PEM for a key of any type, by an authority that nobody needs. */
export function makeCertificate({ publicKey }: KeyPair): string {
  const at = new Date();
  const authority = createAuthority(distinguishedName('images.example', 'root'), at, authorityExtensions());
  const subject = distinguishedName('images.example', 'sysexts');
  const day = 24 * 60 * 60 * 1000;
  const validity = { notBefore: new Date(at.getTime() - day), notAfter: new Date(at.getTime() + 365 * day) };
  const request = { publicKey, subject, ...validity, extensions: leafExtensions('codeSigning') };
  return encodePem('CERTIFICATE', issueCertificate(request, authority.privateKey, authority).der);
}
