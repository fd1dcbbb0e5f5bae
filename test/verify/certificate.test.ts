import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseSigningCertificate } from '../../pipeline/verify/certificate.ts';
import {
  authorityExtensions,
  createAuthority,
  distinguishedName,
  extension,
  generateP256,
  issueCertificate,
  leafExtensions,
  subjectUri,
} from '../support/loopback-sigstore/certificate.ts';
import { implicit, octets, sequence, utf8 } from '../support/loopback-sigstore/der.ts';
import { faultOf } from './vectors.ts';

const at = new Date('2026-01-15T12:00:00Z');
const authority = createAuthority(distinguishedName('test', 'ca'), at, authorityExtensions());
const fulcio = (number: number, value: Uint8Array) => extension(`1.3.6.1.4.1.57264.1.${number}`, value);
const issuer = fulcio(8, utf8('https://issuer.example'));
const subject = subjectUri('https://example.com/workflow');
const usages = leafExtensions('codeSigning');

function certificate(extensions: readonly Buffer[], keys = generateP256()): Buffer {
  const request = {
    publicKey: keys.publicKey,
    subject: Buffer.from([0x30, 0x00]),
    notBefore: at,
    notAfter: new Date(at.getTime() + 600_000),
    extensions,
  };
  return issueCertificate(request, authority.privateKey, authority).der;
}

function codeOf(extensions: readonly Buffer[]): string {
  return faultOf(() => parseSigningCertificate(certificate(extensions))).code;
}

/** ecdsa-with-SHA384 where the signed part says ecdsa-with-SHA256: nobody signed that. */
function withOuterAlgorithm(whole: Buffer): Buffer {
  const sha256 = Buffer.from('06082a8648ce3d040302', 'hex');
  const changed = Buffer.from(whole);
  changed[whole.lastIndexOf(sha256) + sha256.length - 1] = 3;
  return changed;
}

const names = (...items: readonly Buffer[]) => extension('2.5.29.17', sequence(...items), true);

describe('a signing certificate', () => {
  test('is read with its issuer and its one subject', () => {
    expect(parseSigningCertificate(certificate([...usages, subject, issuer]))).toMatchObject({
      issuer: 'https://issuer.example',
      subjectAlternativeName: 'https://example.com/workflow',
      github: { buildSignerUri: null, deploymentEnvironment: null },
    });
  });

  test('may name an e-mail address, and its issuer in the old encoding', () => {
    const email = names(implicit(1, Buffer.from('dev@example.com')));
    const old = fulcio(1, Buffer.from('https://issuer.example'));
    expect(parseSigningCertificate(certificate([...usages, email, old]))).toMatchObject({
      issuer: 'https://issuer.example',
      subjectAlternativeName: 'dev@example.com',
    });
  });

  const high = Buffer.from('https://example.com/workflow').map((byte) => byte | 0x80);
  const uri = (text: string) => implicit(6, Buffer.from(text));
  test.each<[string, string, readonly Buffer[]]>([
    ['with two subjects', 'certificate.identity', [...usages, names(uri('https://a'), uri('https://b')), issuer]],
    [
      'with a second subject of another kind',
      'certificate.identity',
      [...usages, names(uri('https://a'), implicit(1, Buffer.from('b@c'))), issuer],
    ],
    ['with no subject', 'certificate.identity', [...usages, issuer]],
    ['with a DNS name', 'certificate.identity', [...usages, names(implicit(2, Buffer.from('example.com'))), issuer]],
    [
      'whose subject differs in the high bits only',
      'certificate.identity',
      [...usages, names(implicit(6, high)), issuer],
    ],
    ['whose subject has a NUL', 'certificate.identity', [...usages, names(uri('https://a\0.evil')), issuer]],
    ['whose subject turns the text around', 'certificate.identity', [...usages, names(uri('https://a\u202e')), issuer]],
    ['without issuer', 'certificate.issuer', [...usages, subject]],
    [
      'with two issuers',
      'certificate.issuer',
      [...usages, subject, issuer, fulcio(1, Buffer.from('https://other.example'))],
    ],
    [
      'with a bare text where DER belongs',
      'certificate.extension',
      [...usages, subject, issuer, fulcio(9, Buffer.from('https://x'))],
    ],
    [
      'with an octet string where UTF-8 belongs',
      'certificate.extension',
      [...usages, subject, issuer, fulcio(9, octets(Buffer.from('x')))],
    ],
    ['with the same extension twice', 'certificate.extension', [...usages, subject, issuer, issuer]],
    [
      'with an unknown critical extension',
      'certificate.extension',
      [...usages, subject, issuer, extension('1.2.3.4', utf8('x'), true)],
    ],
    ['not for code signing', 'certificate.usage', [...leafExtensions('timeStamping'), subject, issuer]],
    ['with no usage at all', 'certificate.usage', [subject, issuer]],
    ['of an authority', 'certificate.usage', [...authorityExtensions(), subject, issuer]],
  ])('%s is refused with %s', (_, code, extensions) => {
    expect(codeOf(extensions)).toBe(code);
  });

  test.each<[string, (whole: Buffer) => Buffer]>([
    ['with bytes after it', (whole) => Buffer.concat([whole, Buffer.from([0])])],
    ['cut short', (whole) => whole.subarray(0, -1)],
    ['that names another algorithm beside its signed part', (whole) => withOuterAlgorithm(whole)],
    ['of nothing', () => Buffer.alloc(0)],
    ['of other bytes', () => sequence(utf8('not a certificate'))],
  ])('%s is refused', (_, change) => {
    const whole = certificate([...usages, subject, issuer]);
    expect(faultOf(() => parseSigningCertificate(change(whole))).code).toBe('certificate.malformed');
  });

  test('may have a key of any kind that signs', () => {
    const keys = generateKeyPairSync('ed25519');
    expect(parseSigningCertificate(certificate([...usages, subject, issuer], keys)).publicKey.asymmetricKeyType).toBe(
      'ed25519',
    );
  });
});
