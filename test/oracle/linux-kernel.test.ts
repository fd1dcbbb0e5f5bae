import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { readKernel } from '../../pipeline/formats/linux-kernel/index.ts';
import { readPe } from '../../pipeline/formats/pe/index.ts';
import { buildArm64Kernel, buildX86Kernel } from '../formats/linux-kernel/kernel-image.ts';

const has = (tool: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return true;
  } catch {
    return false;
  }
};
const missing = ['openssl', 'osslsigncode'].filter((tool) => !has(tool));
const kernels = existsSync('/boot') ? readdirSync('/boot').filter((name) => name.startsWith('vmlinuz-')) : [];
const folder = mkdtempSync(join(tmpdir(), 'nodeproof-kernel-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(missing.length > 0)(
  `a kernel that osslsigncode signs (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    test.for([
      ['amd64', buildX86Kernel('6.12.102-flatcar (x) #1', { usrHash: 'ab'.repeat(32) })],
      ['arm64', buildArm64Kernel({ usrHash: 'ab'.repeat(32) })],
    ] as const)('for %s is signed and keeps its usr hash', ([name, image]) => {
      const at = (file: string) => join(folder, `${name}.${file}`);
      writeFileSync(at('efi'), image);
      const subject = ['-subj', '/CN=kernel', '-days', '2', '-nodes', '-newkey', 'rsa:2048'];
      execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', at('key'), '-out', at('crt')], {
        stdio: 'ignore',
      });
      const sign = ['sign', '-certs', at('crt'), '-key', at('key'), '-in', at('efi'), '-out', at('signed')];
      execFileSync('osslsigncode', sign, { stdio: 'ignore' });
      const signed = memorySource(readFileSync(at('signed')));
      expect(readKernel(signed)).toMatchObject({ signed: true, embeddedUsrHash: 'ab'.repeat(32) });

      // openssl finds the signer in what we say is the certificate's place.
      const [certificate] = readPe(signed).certificates;
      writeFileSync(at('p7'), signed.read(certificate!.offset, certificate!.sizeBytes));
      const print = ['pkcs7', '-inform', 'DER', '-in', at('p7'), '-print_certs', '-noout'];
      expect(execFileSync('openssl', print).toString()).toMatch(/CN ?= ?kernel/);
    });
  },
);

describe.skipIf(kernels.length === 0)(`the kernels in /boot (${kernels.length})`, () => {
  test.for(kernels)('%s has the version that it is named after', (name) => {
    const kernel = readKernel(memorySource(readFileSync(join('/boot', name))));
    if (kernel.version !== null) expect(`vmlinuz-${kernel.version}`).toBe(name);
  });
});
