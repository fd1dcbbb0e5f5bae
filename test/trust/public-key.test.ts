import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { parsePublicKey } from '../../pipeline/trust/index.ts';
import { faultOf, read } from '../verify/vectors.ts';

const pem = (key: KeyObject, type: 'spki' | 'pkcs1' = 'spki') => key.export({ format: 'pem', type }) as string;

describe('a public key', () => {
  test.each([
    ['p256', 'P-256'],
    ['p384', 'P-384'],
    ['ed25519', 'Ed25519'],
    ['rsa', 'RSA'],
  ])('%s is read, and known by the digest of its SPKI', (name, algorithm) => {
    expect(parsePublicKey(read(`keys/${name}.pem`).toString())).toMatchObject({
      algorithm,
      spkiSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('has one digest, however its lines end', () => {
    const text = read('keys/p256.pem').toString();
    const want = parsePublicKey(text).spkiSha256;
    expect(parsePublicKey(text.replaceAll('\n', '\r\n')).spkiSha256).toBe(want);
    expect(parsePublicKey(`\n${text}\n\n`).spkiSha256).toBe(want);
  });

  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const x25519 = generateKeyPairSync('x25519');
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text = pem(p256.publicKey);
  test.each<[string, string, string]>([
    ['on P-521', 'key.type', pem(p521.publicKey)],
    ['for key agreement', 'key.type', pem(x25519.publicKey)],
    ['of 1024 bits', 'key.size', pem(small.publicKey)],
    ['that is private', 'key.pem', p256.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string],
    ['in PKCS#1', 'key.pem', pem(rsa.publicKey, 'pkcs1')],
    ['twice', 'key.pem', text + text],
    ['after other text', 'key.pem', `note\n${text}`],
    ['without PEM', 'key.pem', text.split('\n').slice(1, -2).join('')],
    ['with an empty body', 'key.pem', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n'],
    ['with bytes after it', 'key.pem', withTail(p256.publicKey)],
  ])('%s is refused with %s', (_, code, value) => {
    expect(faultOf(() => parsePublicKey(value)).code).toBe(code);
  });

  test('of any text is a key or a fault', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), survives));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) =>
        survives(`-----BEGIN PUBLIC KEY-----\n${Buffer.from(bytes).toString('base64')}\n-----END PUBLIC KEY-----\n`),
      ),
    );
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) =>
        survives(text.slice(0, at) + letter + text.slice(at + 1)),
      ),
    );
  });
});

function withTail(key: KeyObject): string {
  const der = Buffer.concat([key.export({ format: 'der', type: 'spki' }), Buffer.from([0])]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
}

function survives(value: string): void {
  try {
    parsePublicKey(value);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}
