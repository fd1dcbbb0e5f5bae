import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { hashLeavesInline } from '../../pipeline/formats/verity/index.ts';
import { verifyVeritySignature } from '../../pipeline/formats/verity-signature/index.ts';
import { readSysext } from '../../pipeline/image/index.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';
import { makeCertificate } from '../support/certificate.ts';

let workshop: Workshop;
let certificate: string;
beforeAll(() => {
  workshop = openWorkshop(demo.kubernetes, demo.falco, 'backdoor.raw');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  workshop.write('key.pem', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  certificate = makeCertificate(rsa);
  workshop.write('cert.pem', certificate);
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  workshop.write('ec.pem', ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  workshop.write('ec-cert.pem', makeCertificate(ec));
});
afterAll(() => workshop[Symbol.dispose]());

const seal = (...args: readonly string[]) =>
  runCommandLine(['sysext', 'seal', ...args], { directory: workshop.directory });
const signed = ['--key', 'key.pem', '--certificate', 'cert.pem'];
const read = (name: string) => readSysext(memorySource(readFileSync(workshop.path(name)), name), hashLeavesInline);

describe('sysext seal', () => {
  test('makes a disk image whose verity and signature inspect agrees with', async () => {
    const { exit, json } = await seal(demo.kubernetes, 'sealed.raw', ...signed, '--json');
    expect(exit).toBe(0);
    const { rootHash, certificateFingerprint } = json as Record<string, string>;
    expect(json).toMatchObject({ name: 'kubernetes', architecture: 'x86-64', out: 'sealed.raw' });
    const inspected = await runCommandLine(['inspect', 'sealed.raw', '--certificate', 'cert.pem', '--json'], {
      directory: workshop.directory,
    });
    expect(inspected.exit).toBe(0);
    expect(inspected.stdout).toContain(String(rootHash));
    const sysext = await read('sealed.raw');
    expect(sysext.problems).toEqual([]);
    expect(sysext.verity?.report).toMatchObject({ rootHash, storedTree: 'matches' });
    expect(sysext.signature?.certificateFingerprint).toBe(certificateFingerprint);
    expect(sysext.release.name).toBe('kubernetes');
  });

  test('keeps the very file system, and takes no room for what is empty', async () => {
    const plain = readFileSync(workshop.path(demo.kubernetes));
    const sealed = readFileSync(workshop.path('sealed.raw'));
    expect(sealed.subarray(1024 * 1024, 1024 * 1024 + plain.byteLength).equals(plain)).toBe(true);
    expect(sealed.byteLength % 4096).toBe(0);
    const { blocks } = statSync(workshop.path('sealed.raw'));
    expect(blocks * 512).toBeLessThan(sealed.byteLength - 900 * 1024);
  });

  test('seals what has one block alone, which has no tree above it', async () => {
    const { exit, json } = await seal('backdoor.raw', 'one-block.raw', '--architecture', 'x86-64', '--json');
    expect(exit).toBe(0);
    const { verity, problems } = await read('one-block.raw');
    expect(problems).toEqual([]);
    expect(verity?.report).toMatchObject({ rootHash: (json as { rootHash: string }).rootHash, storedTree: 'none' });
  });

  test('makes the same bytes of the same file and RSA key', async () => {
    await seal(demo.kubernetes, 'again.raw', ...signed);
    expect(readFileSync(workshop.path('again.raw')).equals(readFileSync(workshop.path('sealed.raw')))).toBe(true);
  });

  test('signs with a P-256 key, too', async () => {
    await seal(demo.kubernetes, 'ec.raw', '--key', 'ec.pem', '--certificate', 'ec-cert.pem');
    const { signature } = await read('ec.raw');
    if (signature === null) throw new Error('no signature');
    const signer = verifyVeritySignature(signature, readFileSync(workshop.path('ec-cert.pem'), 'utf8'));
    expect(signer.keyType).toBe('ec');
  });

  test('makes a signature partition only where a key is given', async () => {
    expect((await seal(demo.kubernetes, 'unsigned.raw')).exit).toBe(0);
    const { signature, verity, gpt } = await read('unsigned.raw');
    expect(signature).toBeNull();
    expect(verity?.report.storedTree).toBe('matches');
    expect(gpt?.partitions).toHaveLength(2);
  });

  test('is attested as a sysext with a root hash', async () => {
    workshop.write(
      'sign.pem',
      createPrivateKey(readFileSync(workshop.path('ec.pem')))
        .export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    );
    const { exit } = await runCommandLine(
      ['attest', '--sysext', 'sealed.raw', '--name', 'sealed', '--key', 'sign.pem', '--out', 'release'],
      { directory: workshop.directory },
    );
    expect(exit).toBe(0);
    expect(readdirSync(workshop.path('release'))).toContain('sealed.raw.provenance.sigstore.json');
  });

  test('of every single changed byte of data and tree is noticed', async () => {
    const sealed = readFileSync(workshop.path('sealed.raw'));
    const { gpt } = await read('sealed.raw');
    const [data, verity] = gpt?.partitions ?? [];
    const places = [data!.offsetBytes + 8192, data!.offsetBytes + data!.sizeBytes - 1, verity!.offsetBytes + 4096];
    for (const place of places) {
      const changed = Buffer.from(sealed);
      changed[place]! ^= 1;
      workshop.write('changed.raw', changed);
      const { exit } = await runCommandLine(['inspect', 'changed.raw'], { directory: workshop.directory });
      expect([place, exit]).toEqual([place, 3]);
    }
  });

  test.each<[string, readonly string[], string]>([
    ['a disk image', [demo.falco, 'refused.raw'], 'seal.kind'],
    ['no extension', ['key.pem', 'refused.raw'], ''],
    ['a key without certificate', [demo.kubernetes, 'refused.raw', '--key', 'key.pem'], 'usage.signer'],
    [
      'the certificate of another key',
      [demo.kubernetes, 'refused.raw', '--key', 'key.pem', '--certificate', 'ec-cert.pem'],
      'key.other-certificate',
    ],
    [
      'a key that is none',
      [demo.kubernetes, 'refused.raw', '--key', 'cert.pem', '--certificate', 'cert.pem'],
      'key.not-private',
    ],
    [
      'an architecture that it is not for',
      [demo.kubernetes, 'refused.raw', '--architecture', 'arm64'],
      'usage.architecture',
    ],
    ['one for any architecture', ['backdoor.raw', 'refused.raw'], 'usage.architecture'],
    [
      'an architecture that there is not',
      ['backdoor.raw', 'refused.raw', '--architecture', 'sparc'],
      'usage.architecture',
    ],
    ['a file that is there', [demo.kubernetes, 'sealed.raw'], 'usage.output'],
  ])('refuses %s and leaves nothing behind', async (_what, args, code) => {
    const { exit, stderr } = await seal(...args);
    expect(exit).not.toBe(0);
    expect(stderr).toContain(`[${code}`);
    expect(readdirSync(workshop.directory).filter((name) => /refused|partial/.test(name))).toEqual([]);
  });
});
