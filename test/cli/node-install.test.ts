import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listInstallation } from '../../pipeline/installation/index.ts';
import { stableNode } from '../evidence/made-node.ts';
import { packOf, policy, setOf } from '../evidence/made-release.ts';
import { buildElfImage } from '../support/elf-image.ts';
import { type Outcome, runIn } from './world.ts';

let folder: string;
let pack: Uint8Array;
let older: Uint8Array;

beforeAll(async () => {
  const set = await setOf(stableNode, 'workers-stable');
  pack = await packOf([set]);
  older = await packOf([set], 4);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  mkdirSync(join(folder, 'root/etc/systemd/system'), { recursive: true });
  mkdirSync(join(folder, 'root/var/lib'), { recursive: true });
  mkdirSync(join(folder, 'outside'));
  put('policy.yaml', policy());
  put('pack.json', pack);
  put('older.json', older);
  put('program', program('a'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A file that looks like a program of this architecture. */
function program(word: string): Buffer {
  return Buffer.concat([buildElfImage({ sections: [] }), Buffer.from(word)]);
}

function put(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

const given = ['--policy', 'policy.yaml', '--trust-pack', 'pack.json', '--program', 'program'];
const install = (...more: readonly string[]) => runIn(folder, 'node', 'install', '--root', 'root', ...more);

type Changed = { readonly path: string; readonly action: string };
function changesOf({ stdout }: Outcome): readonly Changed[] {
  const { changes }: { changes: readonly Changed[] } = JSON.parse(stdout);
  return changes;
}

/** Everything below the root with its mode and content. */
function snapshot(): Readonly<Record<string, string>> {
  const names = readdirSync(join(folder, 'root'), { recursive: true, encoding: 'utf8' }).toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, 'root', name);
      const stats = lstatSync(path);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) return [name, `link ${readlinkSync(path)}`];
      return [
        name,
        stats.isDirectory() ? `directory ${mode}` : `file ${mode} ${readFileSync(path).toString('base64')}`,
      ];
    }),
  );
}

describe('node install', () => {
  test('writes the program, the policy, the pack and every unit, for root alone', async () => {
    expect((await install(...given)).exit).toBe(0);
    const root = snapshot();
    expect(root['var/lib/nodeproof']).toBe('directory 700');
    expect(root['var/lib/nodeproof/bin/nodeproof']).toBe(`file 700 ${program('a').toString('base64')}`);
    expect(root['var/lib/nodeproof/policy.yaml']).toMatch(/^file 600 /);
    expect(root['var/lib/nodeproof/trust-pack.json']).toMatch(/^file 600 /);
    const { files, links } = listInstallation({ strict: false, enforce: false, stores: [] });
    for (const { path, content } of files)
      expect(root[path.slice(1)]).toBe(`file 644 ${Buffer.from(content).toString('base64')}`);
    for (const { path, target } of links) expect(root[path.slice(1)]).toBe(`link ${target}`);
  });

  test('changes nothing the second time', async () => {
    await install(...given);
    const before = snapshot();
    const again = await install(...given, '--json');
    expect(new Set(changesOf(again).map(({ action }) => action))).toEqual(new Set(['unchanged']));
    expect(snapshot()).toEqual(before);
  });

  test('keeps what is not given again', async () => {
    await install(...given);
    const before = snapshot();
    expect((await install()).exit).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('puts in order what was changed since', async () => {
    await install(...given);
    const before = snapshot();
    chmodSync(join(folder, 'root/var/lib/nodeproof/bin/nodeproof'), 0o777);
    chmodSync(join(folder, 'root/var/lib/nodeproof'), 0o755);
    put('root/var/lib/nodeproof/bin/nodeproof', program('b'));
    rmSync(join(folder, 'root/etc/systemd/system/kubeadm.service.d/10-nodeproof.conf'));
    const again = await install(...given, '--json');
    expect(changesOf(again).filter(({ action }) => action !== 'unchanged')).toEqual([
      { path: '/var/lib/nodeproof', action: 'changed' },
      { path: '/var/lib/nodeproof/bin/nodeproof', action: 'changed' },
      { path: '/etc/systemd/system/kubeadm.service.d/10-nodeproof.conf', action: 'created' },
    ]);
    expect(snapshot()).toEqual(before);
  });

  test('tells what it would do with --dry-run, and does none of it', async () => {
    const before = snapshot();
    const { exit, stdout } = await install(...given, '--dry-run');
    expect(exit).toBe(0);
    expect(stdout).toContain('Would do:');
    expect(stdout).toContain('/etc/systemd/system/nodeproof-guard.service');
    expect(snapshot()).toEqual(before);
  });

  test('takes away what other settings had installed', async () => {
    await install(...given, '--from', 'oci:registry.example.com/nodes');
    expect(existsSync(join(folder, 'root/etc/systemd/system/nodeproof-refresh.service'))).toBe(true);
    const again = await install(...given, '--json');
    expect(
      changesOf(again)
        .filter(({ action }) => action === 'removed')
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual([
      '/etc/systemd/system/nodeproof-refresh.service',
      '/etc/systemd/system/nodeproof-refresh.timer',
      '/etc/systemd/system/timers.target.wants/nodeproof-refresh.timer',
    ]);
  });

  test('writes settings into the units', async () => {
    await install(...given, '--strict', '--enforce');
    const unit = (name: string) =>
      readFileSync(join(folder, `root/etc/systemd/system/nodeproof-${name}.service`), 'utf8');
    expect(unit('guard')).toMatch(/^ExecStart=.* --strict$/m);
    expect(unit('check')).toMatch(/^ExecStart=.* --enforce /m);
  });
});

describe('node install refuses', () => {
  test.for([
    [[], '--policy FILE and --trust-pack FILE and --program FILE'],
    [['--policy', 'policy.yaml', '--program', 'program'], '--trust-pack FILE'],
  ] as const)('to install without %s', async ([args, missing]) => {
    const { exit, stderr } = await install(...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(missing)]);
    expect(snapshot()).not.toHaveProperty('var/lib/nodeproof');
  });

  test.for<[string, () => void, string, number]>([
    ['a policy that does not read', () => put('policy.yaml', 'apiVersion: other'), 'policy.', 2],
    ['a pack that does not read', () => put('pack.json', '{'), 'json.', 3],
    ['a program that is none', () => put('program', '#!/bin/sh\n'), 'config.program', 2],
    [
      'a unit that somebody else wrote',
      () => put('root/etc/systemd/system/nodeproof-join.service', '[Unit]\n'),
      'config.unit',
      2,
    ],
    [
      'a masked unit',
      () => symlinkSync('/dev/null', join(folder, 'root/etc/systemd/system/nodeproof-guard.service')),
      'systemctl unmask nodeproof-guard.service',
      2,
    ],
    [
      'a link on the way',
      () => symlinkSync(join(folder, 'outside'), join(folder, 'root/var/lib/nodeproof')),
      'file.kind',
      4,
    ],
    [
      'a link on the way to a drop-in',
      () => symlinkSync(join(folder, 'outside'), join(folder, 'root/etc/systemd/system/kubeadm.service.d')),
      'file.kind',
      4,
    ],
  ])('%s, and writes nothing', async ([, spoil, word, code]) => {
    spoil();
    const before = snapshot();
    const { exit, stderr } = await install(...given);
    expect(stderr).toContain(word);
    expect(exit).toBe(code);
    expect(snapshot()).toEqual(before);
  });

  test('an older pack than the one that is installed', async () => {
    await install(...given);
    const { exit, stderr } = await install('--trust-pack', 'older.json');
    expect([exit, stderr]).toEqual([2, expect.stringContaining('version is 4, and version 5 is installed')]);
  });

  test('a root that is not there', async () => {
    const { exit, stderr } = await runIn(folder, 'node', 'install', '--root', 'nowhere', ...given);
    expect([exit, stderr]).toEqual([4, expect.stringContaining('file.missing')]);
  });

  test('to install and uninstall at once', async () => {
    const { exit, stderr } = await install('--uninstall', '--strict');
    expect([exit, stderr]).toEqual([2, expect.stringContaining('usage.uninstall')]);
  });
});

describe('node install --uninstall', () => {
  test('leaves nothing', async () => {
    const before = snapshot();
    await install(...given, '--from', 'oci:registry.example.com/nodes');
    put('root/var/lib/nodeproof/state.json', '{}');
    const { exit, stdout } = await install('--uninstall');
    expect(exit).toBe(0);
    expect(stdout).toContain('removed');
    expect(snapshot()).toEqual(before);
  });

  test('leaves what is not ours', async () => {
    put('root/etc/systemd/system/kubeadm.service.d/20-own.conf', '[Service]\n');
    put('root/etc/systemd/system/kubelet.service.d/10-nodeproof.conf', '[Service]\n');
    const before = snapshot();
    rmSync(join(folder, 'root/etc/systemd/system/kubelet.service.d/10-nodeproof.conf'));
    await install(...given);
    put('root/etc/systemd/system/kubelet.service.d/10-nodeproof.conf', '[Service]\n');
    await install('--uninstall');
    expect(snapshot()).toEqual(before);
  });

  test('does nothing where nothing is', async () => {
    const before = snapshot();
    const { exit, stdout } = await install('--uninstall');
    expect([exit, stdout]).toEqual([0, expect.stringContaining('nothing to do')]);
    expect(snapshot()).toEqual(before);
  });
});
