import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { hashLeavesInline } from '../../pipeline/formats/verity/index.ts';
import { openPartition } from '../../pipeline/formats/gpt/index.ts';
import { readSysext, type Sysext } from '../../pipeline/image/index.ts';
import { runCommandLine } from '../support/command-line.ts';
import { readDemoImage } from '../support/demo-images.ts';

// Debian keeps some of them in sbin, which is not in everyone's PATH.
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const run = (program: string, ...args: readonly string[]) =>
  spawnSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function lacks(program: string, ...args: readonly string[]): boolean {
  const isMissing = run(program, ...args).status !== 0;
  if (isMissing) console.log(`skipped: ${program} is not installed, or cannot run here`);
  return isMissing;
}

/** systemd-dissect looks at partitions as devices. */
function lacksLoopDevices(): boolean {
  const isMissing = process.getuid?.() !== 0 || !existsSync('/dev/loop-control');
  if (isMissing) console.log('skipped: no loop devices, or not root');
  return isMissing;
}

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-seal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const withoutOpenssl = lacks('openssl', 'version');

describe.skipIf(withoutOpenssl).each(['rsa:2048', 'ec'])('A sysext that is sealed with a key of type %s', (type) => {
  let sysext: Sysext;
  let rootHash: string;
  beforeAll(async () => {
    const key = type === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', type];
    const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-nodes', ...key, ...files, '-days', '2', '-subj', '/CN=sysexts'], {
      stdio: 'ignore',
    });
    rmSync(path('kubernetes.raw'), { force: true });
    writeFileSync(path('plain.raw'), readDemoImage('kubernetes-v1.34.2-x86-64.raw'));
    const args = ['plain.raw', 'kubernetes.raw', '--key', 'key.pem', '--certificate', 'cert.pem', '--json'];
    const { json } = await runCommandLine(['sysext', 'seal', ...args], { directory: folder });
    rootHash = (json as { rootHash: string }).rootHash;
    const image = memorySource(readFileSync(path('kubernetes.raw')), 'kubernetes.raw');
    sysext = await readSysext(image, hashLeavesInline);
    for (const partition of sysext.gpt?.partitions ?? []) {
      const content = openPartition(image, partition);
      writeFileSync(path(`partition-${partition.number}`), content.read(0, content.sizeBytes));
    }
  });

  test.skipIf(lacks('sgdisk', '--version'))('has a partition table without a problem, for sgdisk', () => {
    expect(run('sgdisk', '-v', path('kubernetes.raw')).stdout).toContain('No problems found');
  });

  test.skipIf(lacks('veritysetup', '--version'))(
    'has a hash tree that veritysetup verifies, and no other root hash',
    () => {
      const verify = (hash: string) =>
        run('veritysetup', 'verify', path('partition-1'), path('partition-2'), hash).status;
      expect(verify(rootHash)).toBe(0);
      expect(verify(`${rootHash.slice(0, -1)}${rootHash.endsWith('0') ? '1' : '0'}`)).not.toBe(0);
      const data = readFileSync(path('partition-1'));
      data[data.byteLength - 1]! ^= 1;
      writeFileSync(path('changed'), data);
      expect(run('veritysetup', 'verify', path('changed'), path('partition-2'), rootHash).status).not.toBe(0);
    },
  );

  test('has a signature that openssl accepts over the root hash, and over nothing else', () => {
    writeFileSync(path('signature'), sysext.signature?.signature ?? '');
    const verify = (content: string) => {
      writeFileSync(path('content'), content);
      const options = ['-binary', '-inform', 'DER', '-nointern', '-noverify'];
      const files = ['-in', path('signature'), '-content', path('content'), '-certfile', path('cert.pem')];
      return run('openssl', 'smime', '-verify', ...options, ...files).status;
    };
    expect(verify(rootHash)).toBe(0);
    expect(verify(rootHash.toUpperCase())).not.toBe(0);
  });

  test.skipIf(lacks('systemd-dissect', '--version') || lacksLoopDevices())(
    'is a signed system extension for systemd-dissect',
    () => {
      const { status, stdout, stderr } = run('systemd-dissect', '--json=short', path('kubernetes.raw'));
      expect([status, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({
        useSystemExtension: true,
        mounts: [
          { designator: 'root', fstype: 'squashfs', architecture: 'x86-64', verity: 'signed' },
          { designator: 'root-verity' },
          { designator: 'root-verity-sig' },
        ],
      });
    },
  );
});
