import { execFileSync } from 'node:child_process';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyVeritySignature } from '../../pipeline/formats/verity-signature/index.ts';

const installed = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const folder = mkdtempSync(join(tmpdir(), 'nodeproof-verity-signature-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const openssl = (...options: string[]) => execFileSync('openssl', options, { stdio: 'pipe' });

const keys: readonly [string, string[]][] = [
  ['rsa-2048', ['-newkey', 'rsa:2048']],
  ['rsa-4096', ['-newkey', 'rsa:4096']],
  ['p256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ['p384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['p521', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521']],
];
const forms: readonly [string, string[]][] = [
  ['smime -nocerts -noattr', ['smime', '-nocerts', '-noattr']],
  ['smime -noattr', ['smime', '-noattr']],
  ['smime -nocerts', ['smime', '-nocerts']],
  ['cms -nocerts -noattr', ['cms', '-nocerts', '-noattr']],
  ['cms -nocerts -keyid -md sha384', ['cms', '-nocerts', '-keyid', '-md', 'sha384']],
  ['cms -nosmimecap -md sha512', ['cms', '-nosmimecap', '-md', 'sha512']],
];

describe.skipIf(!installed)(`verity signatures by openssl (missing: ${installed ? 'nothing' : 'openssl'})`, () => {
  const rootHash = hash('sha256', 'content', 'hex');
  writeFileSync(path('content'), rootHash);
  writeFileSync(path('other-content'), hash('sha256', 'other content', 'hex'));

  test.for(keys)('with a key of type %s are judged as openssl judges them', ([key, options]) => {
    const certificate = path(`${key}.pem`);
    openssl(
      'req',
      '-x509',
      '-nodes',
      '-keyout',
      path(`${key}.key`),
      '-out',
      certificate,
      '-days',
      '2',
      '-subj',
      `/CN=${key}`,
      ...options,
    );
    const pem = readFileSync(certificate, 'utf8');
    const certificateFingerprint = hash('sha256', new X509Certificate(pem).raw, 'hex');
    for (const [form, [tool, ...more]] of forms) {
      const signed = path('signature.p7');
      openssl(
        tool as string,
        '-sign',
        '-binary',
        '-in',
        path('content'),
        '-inkey',
        path(`${key}.key`),
        '-signer',
        certificate,
        '-outform',
        'der',
        '-out',
        signed,
        ...more,
      );
      const verify = (content: string) => () =>
        openssl(
          'cms',
          '-verify',
          '-binary',
          '-noverify',
          '-inform',
          'der',
          '-in',
          signed,
          '-content',
          path(content),
          '-certfile',
          certificate,
        );
      expect(verify('content'), form).not.toThrow();
      expect(verify('other-content'), form).toThrow(/./);
      const record = { rootHash, certificateFingerprint, signature: readFileSync(signed) };
      expect(verifyVeritySignature(record, pem).subject, form).toContain(key);
      const other = { ...record, rootHash: readFileSync(path('other-content'), 'utf8') };
      expect(() => verifyVeritySignature(other, pem), form).toThrow(/Cannot verify verity signature/);
    }
  });
});
