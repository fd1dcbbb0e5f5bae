import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import {
  parseVeritySignature,
  type VeritySignature,
  verifyVeritySignature,
} from '../../../pipeline/formats/verity-signature/index.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/verity-signature/${name}`, import.meta.url));
const pem = (name: string) => fixture(`${name}.pem`).toString();
const padded = (text: string | Uint8Array) => Buffer.concat([Buffer.from(text), Buffer.alloc(16_384)]);
const load = (name: string) => parseVeritySignature(padded(fixture(`${name}.json`)));

function faultCode(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'none';
}

const accepted = ['rsa', 'ec'].flatMap((key) =>
  ['repart', 'smime', 'attributes', 'key-id', 'sha512'].map((form): [string, string] => [key, form]),
);

describe('a signature partition', () => {
  test('is JSON padded with zeros', () => {
    const { rootHash, certificateFingerprint, signature } = load('rsa-smime');
    expect(rootHash).toMatch(/^[0-9a-f]{64}$/);
    expect(certificateFingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(signature[0]).toBe(0x30);
    expect(parseVeritySignature(fixture('rsa-smime.json')).rootHash).toBe(rootHash);
  });

  const members = JSON.parse(fixture('rsa-smime.json').toString()) as Record<string, string>;
  test.for<[string, string | Uint8Array, string]>([
    ['is empty', '', 'json.syntax'],
    ['is no JSON', '{', 'json.syntax'],
    ['has something behind the zeros', Buffer.from('{}\0\0x'), 'verity-signature.padding'],
    ['has no root hash', JSON.stringify({ ...members, rootHash: undefined }), 'verity-signature.form'],
    ['has an unknown member', JSON.stringify({ ...members, more: 1 }), 'verity-signature.form'],
    [
      'has a root hash in upper case',
      JSON.stringify({ ...members, rootHash: 'A'.repeat(64) }),
      'verity-signature.form',
    ],
    ['has a short root hash', JSON.stringify({ ...members, rootHash: 'ab' }), 'verity-signature.form'],
    ['has a member twice', `{"rootHash":"${'0'.repeat(64)}",${JSON.stringify(members).slice(1)}`, 'json.duplicate-key'],
    ['has base64 with spaces', JSON.stringify({ ...members, signature: ` ${members['signature']}` }), 'base64.form'],
    ['is larger than any', Buffer.alloc(70_000, 0x20), 'limit.json'],
  ])('is refused when it %s', ([, bytes, code]) => {
    expect(faultCode(() => parseVeritySignature(padded(bytes)))).toBe(code);
  });

  test('of any bytes is a signature or a fault', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void faultCode(() => parseVeritySignature(bytes))));
  });
});

describe('the signature of a root hash', () => {
  test.for(accepted)('by %s is verified: %s', ([key, form]) => {
    const signer = verifyVeritySignature(load(`${key}-${form}`), pem(key));
    expect(signer).toMatchObject({ keyType: key, digest: form === 'sha512' ? 'sha512' : 'sha256' });
    expect(signer.subject).toContain('Image signer');
    expect(signer.validTo.getTime()).toBeGreaterThan(signer.validFrom.getTime());
  });

  test.for(accepted)('by %s does not survive a change of any byte: %s', ([key, form]) => {
    const valid = load(`${key}-${form}`);
    const certificate = pem(key);
    for (let at = 0; at < valid.signature.length; at++) {
      const signature = Uint8Array.from(valid.signature);
      signature[at] = (signature[at] as number) ^ (1 << (at % 8));
      expect(
        faultCode(() => verifyVeritySignature({ ...valid, signature }, certificate)),
        `byte ${at}`,
      ).not.toBe('none');
    }
    for (const field of ['rootHash', 'certificateFingerprint'] as const)
      for (let at = 0; at < 64; at++) {
        const digit = valid[field][at] === '0' ? '1' : '0';
        const changed = { ...valid, [field]: valid[field].slice(0, at) + digit + valid[field].slice(at + 1) };
        expect(
          faultCode(() => verifyVeritySignature(changed, certificate)),
          field,
        ).toMatch(/^verity-signature\./);
      }
  });

  test.for(accepted)('by %s does not survive a cut: %s', ([key, form]) => {
    const valid = load(`${key}-${form}`);
    fc.assert(
      fc.property(fc.nat(valid.signature.length - 1), (length) => {
        const cut = { ...valid, signature: valid.signature.subarray(0, length) };
        expect(faultCode(() => verifyVeritySignature(cut, pem(key)))).not.toBe('none');
      }),
    );
  });

  test.for<[string, string]>([
    ['attached', 'verity-signature.pkcs7'],
    ['two-signers', 'verity-signature.pkcs7'],
    ['pss', 'verity-signature.algorithm'],
    ['sha1', 'verity-signature.algorithm'],
    ['other-certificate', 'verity-signature.signer'],
  ])('is refused: %s', ([name, code]) => {
    expect(faultCode(() => verifyVeritySignature(load(name), pem('rsa')))).toBe(code);
  });

  test('is refused with the certificate of another', () => {
    expect(faultCode(() => verifyVeritySignature(load('rsa-smime'), pem('ec')))).toBe('verity-signature.fingerprint');
  });

  test('is refused with a certificate of the same name, even under its fingerprint', () => {
    const { certificateFingerprint } = load('other-certificate');
    expect(certificateFingerprint).not.toBe('');
    const fingerprint = faultCode(() => verifyVeritySignature(load('rsa-smime'), pem('other')));
    expect(fingerprint).toBe('verity-signature.fingerprint');
    const claimed: VeritySignature = { ...load('rsa-smime'), certificateFingerprint: fingerprintOf('other') };
    expect(faultCode(() => verifyVeritySignature(claimed, pem('other')))).toBe('verity-signature.signer');
  });

  test.for<[string, string]>([
    ['nothing', ''],
    ['two certificates', pem('rsa') + pem('ec')],
    ['no certificate inside the marks', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('cannot be verified with %s: that is ours to repair', ([, text]) => {
    expect(faultCode(() => verifyVeritySignature(load('rsa-smime'), text))).toBe('key.certificate');
  });
});

function fingerprintOf(name: string): string {
  try {
    verifyVeritySignature(load('rsa-smime'), pem(name));
  } catch (error) {
    return /want ([0-9a-f]{64})/.exec((error as Fault).message)?.[1] ?? '';
  }
  return '';
}
