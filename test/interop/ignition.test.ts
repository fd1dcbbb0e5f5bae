import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeIgnition, enfoldIgnition, mergeIgnition } from '../../pipeline/formats/ignition/index.ts';
import { makeFragment } from '../installation/made-fragment.ts';
import { missing, type Outcome, runPeer } from './support/peers.ts';

const home = mkdtempSync(join(tmpdir(), 'nodeproof-ignition-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function validate(document: string): Promise<Outcome> {
  const path = join(home, 'document.ign');
  writeFileSync(path, document);
  return runPeer('validate', [path], home);
}

const fragment = makeFragment();
const own = encodeIgnition(fragment);

describe.skipIf(missing('validate') !== undefined)('Ignition', () => {
  test('takes our document without a warning', async () => {
    expect(await validate(own)).toEqual({ code: 0, output: '' });
    expect(await validate(enfoldIgnition(own))).toEqual({ code: 0, output: '' });
  });

  test.each(['3.0.0', '3.1.0', '3.2.0', '3.3.0', '3.4.0'])('takes it merged into a document of %s', async (version) => {
    const user = {
      ignition: { version },
      passwd: { users: [{ name: 'core', sshAuthorizedKeys: ['ssh-ed25519 AAAA'] }] },
      storage: { files: [{ path: '/etc/hostname', mode: 420, contents: { source: 'data:,worker' } }] },
      systemd: { units: [{ name: 'kubeadm.service', contents: '[Service]\nExecStart=/usr/bin/kubeadm join\n' }] },
    };
    const { text } = mergeIgnition(Buffer.from(JSON.stringify(user)), fragment);
    expect(await validate(text)).toEqual({ code: 0, output: '' });
  });

  test('refuses what we would never write', async () => {
    const broken = [
      own.replace('/var/lib/nodeproof/policy.yaml', 'policy.yaml'),
      own.replace('sha512-', 'sha511-'),
      own.replace('data:;base64,', 'data:;base64,*'),
      own.replace('"name":"kubeadm.service"', '"name":"kubeadm"'),
      own.replace('"compression":"gzip"', '"compression":"xz"'),
    ];
    for (const document of broken) {
      expect(document).not.toBe(own);
      expect(await validate(document)).toMatchObject({ code: 1 });
    }
  });
});
