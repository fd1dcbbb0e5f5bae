import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  betaNode,
  change,
  image,
  kubernetesPath,
  losetup,
  type MadeNode,
  replace,
  stableNode,
} from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import { packOf, policy, setOf } from '../evidence/made-release.ts';
import { runIn } from './world.ts';

/** The stable node before its extensions are merged. */
const unmerged = change(replace(stableNode, '/proc/self/mountinfo', /^60 .*\n/m, ''), {
  '/usr/.systemd-sysext/extensions': undefined,
  '/usr/.systemd-sysext/dev': undefined,
  '/$losetup': losetup([]),
});

let folder: string;
let pack: Uint8Array;

beforeAll(async () => {
  pack = await packOf([await setOf(stableNode, 'workers-stable'), await setOf(betaNode, 'workers-beta')]);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  writeFileSync(join(folder, 'policy.yaml'), policy());
  writeFileSync(join(folder, 'pack.json'), pack);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Guarded = {
  readonly exit: number;
  readonly merge: string;
  readonly kept: readonly { readonly name: string; readonly held: string; readonly sha256: string }[];
  readonly keptOut: readonly Readonly<Record<'name' | 'path' | 'code' | 'outcome', string>>[];
  readonly findings: readonly { readonly code: string }[];
};

const command = ['node', 'guard', '--policy', 'policy.yaml', '--trust-pack', 'pack.json', '--root', 'root'];

async function guard(node: MadeNode, ...more: readonly string[]): Promise<Guarded> {
  writeMadeNode(join(folder, 'root'), node);
  const { exit, stdout } = await runIn(folder, ...command, '--json', ...more);
  const document: Guarded = JSON.parse(stdout);
  expect(document.exit).toBe(exit);
  return document;
}

const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name).toSorted();
const codes = ({ findings }: Guarded) => findings.map(({ code }) => code);

describe('node guard', () => {
  test('lets a signed set be merged, and says what holds each extension', async () => {
    const guarded = await guard(unmerged);
    expect(guarded).toMatchObject({
      merge: 'allowed',
      exit: 0,
      keptOut: [],
      findings: [],
      unmerged: [],
      simulated: true,
    });
    expect(names(guarded.kept)).toEqual(['containerd-flatcar', 'kubernetes']);
    expect(guarded.kept.map(({ held }) => held)).toEqual(['comparison', 'comparison']);
  });

  test('cannot judge a node with more mounts than Linux allows, and lets nothing be merged', async () => {
    const line = '99 22 0:70 / /var/lib/kubelet/pods/a rw - tmpfs tmpfs rw\n';
    writeMadeNode(join(folder, 'root'), { ...unmerged, '/proc/self/mountinfo': line.repeat(100_001) });
    const { exit, stdout } = await runIn(folder, ...command, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'unavailable.node-table' } });
    expect(exit).toBe(4);
  });

  test('keeps what nobody signed out, and lets the rest be merged', async () => {
    const extra = change(unmerged, { '/var/lib/extensions/extra.raw': image('docker-flatcar.raw') });
    const guarded = await guard(extra);
    expect(guarded).toMatchObject({
      merge: 'allowed',
      exit: 0,
      keptOut: [
        {
          name: 'extra',
          path: '/var/lib/extensions/extra.raw',
          code: 'sysext.extra',
          outcome: 'prevented',
          isMasked: false,
          extensionClass: 'sysexts',
        },
      ],
    });
    expect(names(guarded.kept)).toEqual(['containerd-flatcar', 'kubernetes']);
  });

  test('changes nothing of a root that is no running node', async () => {
    const extra = change(unmerged, { '/var/lib/extensions/extra.raw': image('docker-flatcar.raw') });
    await guard(extra);
    expect(readFileSync(join(folder, 'root/var/lib/extensions/extra.raw'))).toEqual(image('docker-flatcar.raw'));
  });

  test.for<[string, MadeNode[string]]>([
    ['an image that does not read', 'no file system'],
    ['an empty file', ''],
    ['a directory', { kind: 'directory' }],
  ])('keeps %s out', async ([, entry]) => {
    const path = '/run/extensions/odd' + (typeof entry === 'string' ? '.raw' : '/usr/bin');
    const guarded = await guard(change(unmerged, { [path]: entry }));
    expect(guarded.merge).toBe('allowed');
    expect(names(guarded.keptOut)).toEqual(['odd']);
  });

  test('keeps a changed extension out under its signed name, and merges the others', async () => {
    const changed = change(unmerged, {
      [kubernetesPath]: { content: image('docker-flatcar.raw'), inode: 131_080, device: '8:9' },
    });
    const guarded = await guard(changed);
    expect(guarded.merge).toBe('allowed');
    expect(guarded.keptOut.map(({ name, code }) => [name, code])).toEqual([['kubernetes', 'sysext.digest']]);
    expect(names(guarded.kept)).toEqual(['containerd-flatcar']);
  });

  test('judges the image that systemd takes, not the signed one that it hides', async () => {
    const hiding = change(unmerged, {
      '/etc/extensions/kubernetes.raw': image('docker-flatcar.raw'),
      '/var/lib/extensions/kubernetes.raw': image('kubernetes.raw'),
    });
    const guarded = await guard(hiding);
    expect(guarded.keptOut.map(({ path }) => path)).toEqual(['/etc/extensions/kubernetes.raw']);
  });

  test('lets nothing be merged with --strict where anything is refused', async () => {
    const extra = change(unmerged, { '/var/lib/extensions/extra.raw': image('docker-flatcar.raw') });
    const guarded = await guard(extra, '--strict');
    expect(guarded).toMatchObject({ merge: 'blocked', exit: 1 });
    expect(codes(guarded)).toEqual(['sysext.extra']);
  });

  test.for<[string, string, (node: MadeNode) => MadeNode]>([
    [
      'a signed extension is not there',
      'node-set.none',
      (node) => change(node, { '/etc/extensions/kubernetes.raw': undefined }),
    ],
    [
      'a signed extension is masked',
      'node-set.none',
      (node) => change(node, { '/etc/extensions/kubernetes.raw': { link: '/dev/null' } }),
    ],
    [
      '/usr has another verity hash',
      'node-set.none',
      (node) => replace(node, '/$dmsetup-table', /sha256 20b0/, 'sha256 30b0'),
    ],
    [
      'the kernel command line contradicts itself',
      'command-line.usr-hash',
      (node) => replace(node, '/proc/cmdline', /\n/, ` verity.usrhash=${'00'.repeat(32)}\n`),
    ],
    [
      'the merge could be written to',
      'extension.mutable',
      (node) => change(node, { '/var/lib/extensions.mutable/usr': { kind: 'directory' } }),
    ],
    [
      'systemd is told to merge so that it can be written to',
      'extension.mutable',
      (node) => change(node, { '/etc/systemd/sysext.conf': '[SysExt]\nMutable=yes\n' }),
    ],
    [
      'a search directory is covered',
      'extension.covered-directory',
      (node) => replace(node, '/proc/self/mountinfo', /$/, '90 22 0:77 / /etc/extensions rw - tmpfs tmpfs rw\n'),
    ],
  ])('lets nothing be merged where %s', async ([, code, lie]) => {
    const guarded = await guard(lie(unmerged));
    expect(guarded).toMatchObject({ merge: 'blocked' });
    expect([1, 3]).toContain(guarded.exit);
    expect(codes(guarded)).toContain(code);
  });

  test('lets nothing be merged where a pack, a policy or a state does not read', async () => {
    writeMadeNode(join(folder, 'root'), unmerged);
    for (const [name, text, exit] of [
      ['pack.json', '{', 3],
      ['policy.yaml', 'apiVersion: other', 2],
      ['root/var/lib/nodeproof/state.json', '{}', 3],
    ] as const) {
      writeMadeNode(join(folder, 'root'), {});
      const path = join(folder, name);
      const before = name.startsWith('root') ? undefined : readFileSync(path);
      if (before === undefined) writeMadeNode(join(folder, 'root'), { '/var/lib/nodeproof/state.json': text });
      else writeFileSync(path, text);
      const outcome = await runIn(folder, ...command);
      expect([name, outcome.exit, outcome.stdout]).toEqual([name, exit, '']);
      if (before !== undefined) writeFileSync(path, before);
    }
  });

  test('lets nothing be merged on the word of another signer', async () => {
    writeFileSync(join(folder, 'policy.yaml'), policy().replace(/spkiSha256: \w+/, `spkiSha256: ${'ab'.repeat(32)}`));
    writeMadeNode(join(folder, 'root'), unmerged);
    const { exit } = await runIn(folder, ...command);
    expect(exit).not.toBe(0);
  });

  test('takes no other time on a running node', async () => {
    const { exit, stderr } = await runIn(folder, ...command.slice(0, -2), '--at', '2026-11-02T00:00:00Z');
    expect([exit, stderr]).toEqual([2, expect.stringContaining('usage.at')]);
  });
});

describe('node guard, where the initrd merged', () => {
  test('lets a signed merge stand', async () => {
    expect(await guard(betaNode)).toMatchObject({ merge: 'allowed', exit: 0, keptOut: [] });
  });

  test('says which extensions the kernel will hold to their verity hash', async () => {
    const { kept } = await guard(betaNode);
    expect(Object.fromEntries(kept.map(({ name, held }) => [name, held]))).toEqual({
      '00-flatcar-default': 'verity',
      'docker-flatcar': 'verity',
      kubernetes: 'comparison',
    });
  });

  test('refuses an extension that is merged and that nobody signed, and calls it detected', async () => {
    const merged = replace(betaNode, '/usr/.systemd-sysext/extensions', /$/, '\nextra');
    const extra = change(merged, { '/var/lib/extensions/extra.raw': image('containerd-flatcar.raw') });
    const guarded = await guard(extra);
    expect(guarded.merge).toBe('blocked');
    expect(guarded.keptOut.map(({ name, outcome }) => [name, outcome])).toEqual([['extra', 'detected']]);
    expect(codes(guarded)).toContain('sysext.extra');
  });

  test('refuses what was merged from an image that is not there any more', async () => {
    const guarded = await guard(replace(betaNode, '/usr/.systemd-sysext/extensions', /$/, '\nghost'));
    expect(guarded.merge).toBe('blocked');
    expect(codes(guarded)).toContain('sysext.extra');
  });

  test('refuses a merged extension whose file was exchanged for the signed one since', async () => {
    const guarded = await guard(change(betaNode, { '/dev/loop1': image('containerd-flatcar.raw') }));
    expect(guarded.merge).toBe('blocked');
    expect(codes(guarded)).toContain('extension.swapped');
  });

  test.for([
    ['lets a merge into /opt stand that is of the same extensions', 'docker-flatcar\nkubernetes', 'allowed', []],
    ['refuses a merge of others into /opt', 'evil', 'blocked', ['extension.merge-record']],
  ] as const)('%s', async ([, names, merge, wanted]) => {
    const layers = '/run/systemd/sysext/meta/opt:/sysroot/opt';
    const line = `62 22 0:52 / /opt ro - overlay sysext ro,lowerdir=${layers}\n`;
    const guarded = await guard({
      ...replace(betaNode, '/proc/self/mountinfo', /$/, line),
      '/opt/.systemd-sysext/extensions': names,
      '/opt/.systemd-sysext/dev': '0:52',
    });
    expect(guarded.merge).toBe(merge);
    expect(codes(guarded)).toEqual(wanted);
  });

  test('refuses a layer that belongs to no extension', async () => {
    const guarded = await guard(
      replace(
        betaNode,
        '/proc/self/mountinfo',
        '/run/systemd/sysext/extensions/kubernetes/usr',
        '/tmp/usr:/run/systemd/sysext/extensions/kubernetes/usr',
      ),
    );
    expect(guarded.merge).toBe('blocked');
    expect(codes(guarded)).toContain('extension.foreign-layer');
  });
});

describe('node guard for people', () => {
  test('says first whether there is a merge, then what is kept out and what to do', async () => {
    writeMadeNode(
      join(folder, 'root'),
      change(unmerged, { '/var/lib/extensions/extra.raw': image('docker-flatcar.raw') }),
    );
    const { stdout } = await runIn(folder, ...command);
    expect(stdout).toMatch(
      /^MERGE {3}root: 2 signed extensions; 1 would be masked for this boot, and no join until they are gone/,
    );
    expect(stdout).toContain('REFUSED /var/lib/extensions/extra.raw, prevented');
    expect(stdout).toContain('next: Remove /var/lib/extensions/extra.raw');
  });

  test('says that nothing is to be merged, and why', async () => {
    writeMadeNode(join(folder, 'root'), change(unmerged, { '/etc/extensions/kubernetes.raw': undefined }));
    const { stdout, exit } = await runIn(folder, ...command);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^BLOCK {3}root: nothing is to be merged/);
    expect(stdout).toContain('[node-set.none]');
  });
});
