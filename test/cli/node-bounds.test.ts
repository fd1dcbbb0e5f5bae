import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { image, stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import { packOf, policy, setOf } from '../evidence/made-release.ts';
import { runCommandLine } from '../support/command-line.ts';

const now = new Date('2026-11-22T12:00:00Z');

let folder: string;
const inRoot = (path: string) => join(folder, 'root', path);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-bounds-'));
  writeFileSync(join(folder, 'policy.yaml'), policy());
  writeFileSync(join(folder, 'pack.json'), await packOf([await setOf(stableNode, 'workers')]));
  writeMadeNode(join(folder, 'root'), stableNode);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function judge(verb: 'verify' | 'guard') {
  const options = ['--policy', 'policy.yaml', '--trust-pack', 'pack.json', '--root', 'root', '--json'];
  const start = performance.now();
  const outcome = await runCommandLine(['node', verb, ...options], { directory: folder, now });
  return { ...outcome, seconds: (performance.now() - start) / 1000 };
}

/** Long enough for a busy machine, and far too short for what is refused to have been read. */
const patienceSeconds = 20;

describe.each(['verify', 'guard'] as const)('node %s ends soon, and says why, on a node', (verb) => {
  test('with ten thousand extensions', async () => {
    mkdirSync(inRoot('var/lib/extensions'), { recursive: true });
    writeFileSync(inRoot('one.raw'), image('kubernetes.raw'));
    for (let at = 0; at < 10_000; at += 1) copyFileSync(inRoot('one.raw'), inRoot(`var/lib/extensions/e${at}.raw`));
    const { exit, stdout, seconds } = await judge(verb);
    expect([1, 3, 4]).toContain(exit);
    expect(stdout).toContain('"code": "');
    expect(seconds).toBeLessThan(patienceSeconds);
  });

  test.each([
    'proc/self/mountinfo',
    'proc/cmdline',
    'run/nodeproof/captured/dmsetup-table',
    'run/nodeproof/captured/losetup.json',
    'usr/.systemd-sysext/extensions',
  ])('whose %s has a gibibyte', async (path) => {
    expect(await judgeWith(verb, path)).toEqual({ isRefused: true, isTold: true, isSoon: true });
  });
});

test('node verify ends soon, and says why, on a node whose unit has a gibibyte', async () => {
  expect(await judgeWith('verify', 'etc/systemd/system/kubeadm.service')).toEqual({
    isRefused: true,
    isTold: true,
    isSoon: true,
  });
});

/** A file of one GiB, of which not a block is on the disk. */
async function judgeWith(verb: 'verify' | 'guard', path: string) {
  mkdirSync(dirname(inRoot(path)), { recursive: true });
  writeFileSync(inRoot(path), '');
  truncateSync(inRoot(path), 1024 ** 3);
  const { exit, stdout, seconds } = await judge(verb);
  return {
    isRefused: [1, 3, 4].includes(exit),
    isTold: /"code": "[a-z]+[.][a-z-]+"/.test(stdout),
    isSoon: seconds < patienceSeconds,
  };
}
