import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeIgnition, enfoldIgnition, mergeIgnition } from '../../pipeline/formats/ignition/index.ts';
import { listInstallation } from '../../pipeline/installation/index.ts';
import { madePack, madePolicy, madeProgram, madeSettings, makeFragment } from '../installation/made-fragment.ts';
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

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('skipped: Ignition gives files to root, and who runs this is another');

describe.skipIf(missing('ignition') !== undefined || !isRoot)('Ignition, run on a directory', () => {
  let server: Server;
  let base: string;
  let served: Uint8Array;
  beforeAll(async () => {
    server = createServer((_, response) => response.end(served));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  let runs = 0;
  async function provision(document: string): Promise<Outcome & { readonly path: (file: string) => string }> {
    const root = join(home, `root-${++runs}`);
    mkdirSync(root);
    writeFileSync(join(home, 'run.ign'), document);
    const stage = (name: string): Promise<Outcome> => {
      const cache = join(home, `cache-${runs}`);
      const args = ['-platform', 'file', '-stage', name, '-root', root, '-config-cache', cache, '-log-to-stdout'];
      return runPeer('ignition', args, home, { IGNITION_CONFIG_FILE: join(home, 'run.ign') });
    };
    const fetched = await stage('fetch');
    const outcome = fetched.code === 0 ? await stage('files') : fetched;
    return { ...outcome, path: (file) => join(root, file) };
  }

  test.each([
    ['as it is', '/nodeproof', madeProgram, encodeIgnition],
    ['compressed', '/nodeproof.gz', gzipSync(madeProgram), encodeIgnition],
    ['folded', '/nodeproof.gz', gzipSync(madeProgram), (one: typeof fragment) => enfoldIgnition(encodeIgnition(one))],
  ] as const)('writes what node install would, and the program that comes %s', async (_, place, content, encode) => {
    served = content;
    const { code, path } = await provision(encode(makeFragment(`${base}${place}`)));
    expect(code).toBe(0);
    const { directories, files, links } = listInstallation(madeSettings);
    const texts = [
      ...files,
      { path: '/var/lib/nodeproof/policy.yaml', mode: 0o600, content: madePolicy },
      { path: '/var/lib/nodeproof/trust-pack.json', mode: 0o600, content: madePack },
      { path: '/var/lib/nodeproof/bin/nodeproof', mode: 0o700, content: madeProgram.toString('utf8') },
    ];
    for (const file of texts) {
      expect([file.path, readFileSync(path(file.path), 'utf8')]).toEqual([file.path, file.content]);
    }
    for (const one of [...texts, ...directories]) {
      const { mode, uid, gid } = lstatSync(path(one.path));
      expect([one.path, mode & 0o7777, uid, gid]).toEqual([one.path, one.mode, 0, 0]);
    }
    for (const link of links) expect(readlinkSync(path(link.path))).toBe(link.target);
  });

  test('writes no program that is not what was hashed', async () => {
    served = Buffer.from('another program');
    const { code, output, path } = await provision(encodeIgnition(makeFragment(`${base}/nodeproof`)));
    expect(code).not.toBe(0);
    expect(output).toContain('hash verification failed');
    expect(existsSync(path('/var/lib/nodeproof/bin/nodeproof'))).toBe(false);
  });
});
