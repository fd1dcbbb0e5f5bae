import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { World } from '../../pipeline/cli/world.ts';
import { runNodeproof } from '../../pipeline/cli/program.ts';
import { advanceState, emptyState } from '../../pipeline/policy/index.ts';
import type { NodeSet } from '../../pipeline/release/index.ts';
import { betaNode, change, image, kubernetesPath, type MadeNode, replace, stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import { packOf, policy, setOf } from '../evidence/made-release.ts';

const now = new Date('2026-11-22T12:00:00Z');

let folder: string;
let pack: Uint8Array;
let nodeSet: NodeSet;

beforeAll(async () => {
  nodeSet = await setOf(stableNode, 'workers-stable');
  pack = await packOf([nodeSet, await setOf(betaNode, 'workers-beta')]);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  put('policy.yaml', policy());
  put('pack.json', pack);
  writeMadeNode(join(folder, 'root'), stableNode);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function showNode(node: MadeNode): void {
  rmSync(join(folder, 'root'), { recursive: true });
  writeMadeNode(join(folder, 'root'), node);
}

type Outcome = { readonly exit: number; readonly out: string; readonly err: string };

async function run(...args: readonly string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const world: World = {
    directory: folder,
    environment: {},
    now: () => now,
    stdout: { write: (text) => (out += text), isTerminal: false },
    stderr: { write: (text) => (err += text), isTerminal: false },
  };
  const exit = await runNodeproof(args, world);
  return { exit, out, err };
}

const verify = ['node', 'verify', '--policy', 'policy.yaml', '--trust-pack', 'pack.json', '--root', 'root'];

async function verifyJson(...more: readonly string[]): Promise<{
  exit: number;
  document: Record<string, unknown> & { findings: { code: string; message: string; field: string }[] };
}> {
  const { exit, out } = await run(...verify, ...more, '--json');
  return { exit, document: JSON.parse(out) };
}

function codes({ document }: Awaited<ReturnType<typeof verifyJson>>): readonly string[] {
  return document.findings.map((finding) => finding.code);
}

describe('node verify', () => {
  test('admits the node that runs a signed node set, and says what that stands on', async () => {
    const { exit, document } = await verifyJson();
    expect(document.findings).toEqual([]);
    expect([exit, document['exit'], document['verdict'], document['simulated']]).toEqual([0, 0, 'admit', true]);
    expect(document['checked']).toContainEqual({
      fact: 'os.usrHash',
      value: nodeSet.identity.os.usrHash,
      grade: 'kernel',
      source: 'dmsetup table of 254:0, which /usr is on',
    });
    expect(document['checked']).toContainEqual(expect.objectContaining({ fact: 'node set workers-stable' }));
  });

  test('says for people what it says in JSON', async () => {
    const { exit, out } = await run(...verify);
    expect(exit).toBe(0);
    expect(out).toMatch(/^ADMIT {3}root {2}\(simulated evidence\)\n/);
  });

  test('refuses a node with another extension, and names the nearest set and the field', async () => {
    showNode(change(stableNode, { [kubernetesPath]: { content: rebuilt(), inode: 131_080, device: '8:9' } }));
    const outcome = await verifyJson();
    expect(outcome.exit).toBe(1);
    expect(codes(outcome)).toEqual(['attestation.none', 'node-set.none', 'sysext.digest']);
    expect(outcome.document.findings[1]?.message).toContain('the nearest is workers-stable');
    expect(outcome.document.findings[2]).toMatchObject({
      field: 'sysexts.kubernetes.sha256',
      expected: nodeSet.identity.sysexts.find(({ name }) => name === 'kubernetes')?.sha256,
    });
  });

  test('refuses a node whose facts contradict each other with exit 3', async () => {
    showNode(replace(stableNode, '/$losetup', kubernetesPath, `${kubernetesPath} (deleted)`));
    const outcome = await verifyJson();
    expect([outcome.exit, codes(outcome)]).toEqual([3, ['extension.swapped']]);
  });

  test('refuses a node that could not be looked at with exit 4', async () => {
    showNode(change(stableNode, { '/$losetup': undefined }));
    const outcome = await verifyJson();
    expect([outcome.exit, new Set(codes(outcome))]).toEqual([4, new Set(['extension.backing-unknown'])]);
  });

  test('refuses extensions without verity where the policy wants it', async () => {
    put('policy.yaml', policy().replace('required: [kubernetes]', 'required: [kubernetes], requireVerity: true'));
    const outcome = await verifyJson();
    expect([outcome.exit, new Set(codes(outcome))]).toEqual([1, new Set(['extension.no-verity'])]);
  });

  test('judges evidence from a file as simulated', async () => {
    const { out } = await run('node', 'collect', '--root', 'root', '--json');
    put('evidence.json', JSON.stringify({ ...JSON.parse(out), simulated: false }));
    const args = ['node', 'verify', '--policy', 'policy.yaml', '--trust-pack', 'pack.json', '--json'];
    const verdict = await run(...args, '--evidence', 'evidence.json');
    expect(verdict.exit).toBe(0);
    expect(JSON.parse(verdict.out)).toMatchObject({ verdict: 'admit', simulated: true, subject: 'evidence.json' });
  });
});

describe('node verify --join', () => {
  test.for([
    ['--root', 'root'],
    ['--evidence', 'evidence.json'],
  ])('is refused with %s, before anything is read', async ([option = '', value = '']) => {
    const { exit, out, err } = await run('node', 'verify', '--policy', 'none.yaml', option, value, '--join');
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain('usage.simulated');
  });

  test('is refused with another time than now', async () => {
    const { exit, err } = await run(
      'node',
      'verify',
      '--policy',
      'policy.yaml',
      '--join',
      '--at',
      '2026-11-02T00:00:00Z',
    );
    expect(exit).toBe(2);
    expect(err).toContain('usage.at');
  });
});

describe('What a node accepted before', () => {
  const accepted = (policyVersion: number, packVersion: number, times: readonly string[] = []) =>
    JSON.stringify(
      advanceState(emptyState, {
        policy: { name: 'workers', version: policyVersion },
        pack: { name: 'workers', version: packVersion },
        times,
      }),
    );

  test('does not hinder the same versions', async () => {
    put('state.json', accepted(7, 5));
    expect((await verifyJson('--state', 'state.json')).exit).toBe(0);
  });

  test.for([
    ['an older policy', accepted(8, 5), 'policy.rolled-back'],
    ['an older trust pack', accepted(7, 6), 'trust-pack.rolled-back'],
    ['a clock that was set back', accepted(7, 5, ['2026-12-01T00:00:00Z']), 'clock.set-back'],
  ])('refuses %s', async ([, state = '', code = '']) => {
    put('state.json', state);
    const outcome = await verifyJson('--state', 'state.json');
    expect([outcome.exit, codes(outcome)]).toEqual([1, [code]]);
  });

  test('is read from the node itself where no file is named', async () => {
    put('root/var/lib/nodeproof/state.json', accepted(8, 5));
    expect(codes(await verifyJson())).toEqual(['policy.rolled-back']);
  });

  test('is not changed by simulated evidence', async () => {
    put('state.json', accepted(6, 4));
    expect((await verifyJson('--state', 'state.json')).exit).toBe(0);
    expect(readFileSync(join(folder, 'state.json'), 'utf8')).toBe(accepted(6, 4));
  });

  test('is never taken for nothing because it does not read', async () => {
    put('state.json', '{');
    expect((await run(...verify, '--state', 'state.json')).exit).toBe(3);
    put('root/var/lib/nodeproof/state.json', '{"type":1}');
    expect((await run(...verify)).exit).toBe(3);
  });
});

describe('Bad input', () => {
  test.for([
    ['a malformed policy', 'policy.yaml', 'apiVersion: [', 2],
    ['a malformed trust pack', 'pack.json', '{', 3],
    ['malformed captured facts', 'root/run/nodeproof/captured/files.json', '[]', 3],
  ] as const)('%s', async ([, name, text, exit]) => {
    put(name, text);
    const outcome = await run(...verify);
    expect([outcome.exit, outcome.out]).toEqual([exit, '']);
    expect(outcome.err).not.toContain('bug');
  });

  test.for([
    ['pack.json', 4],
    ['policy.yaml', 4],
    ['root', 4],
  ] as const)('%s is missing', async ([name, exit]) => {
    rmSync(join(folder, name), { recursive: true });
    const outcome = await run(...verify, '--json');
    expect(outcome.exit).toBe(exit);
    expect(JSON.parse(outcome.out)).toMatchObject({ error: { code: 'file.missing' } });
  });

  test('malformed evidence', async () => {
    put('evidence.json', '{"type":"https://nodeproof.dev/evidence/v1"}');
    const outcome = await run('node', 'verify', '--policy', 'policy.yaml', '--evidence', 'evidence.json');
    expect(outcome.exit).toBe(3);
    expect(outcome.err).toContain('evidence.field');
  });

  test('a root and evidence at once', async () => {
    expect((await run(...verify, '--evidence', 'evidence.json')).exit).toBe(2);
  });
});

describe('node collect', () => {
  test('prints a page on which nothing of the node can forge a line', async () => {
    showNode(change(stableNode, { '/proc/cmdline': 'quiet\nREADY \u001B[2J' }));
    const { exit, out } = await run('node', 'collect', '--root', 'root');
    expect(exit).toBe(0);
    expect(out).toContain('sysexts: merged: containerd-flatcar, kubernetes');
    expect(out).not.toContain('\u001B');
    expect(out).not.toMatch(/^REA/m);
  });

  test('names what it could not look at', async () => {
    showNode({ ...stableNode, '/proc/self/mountinfo': 'junk' });
    const { out } = await run('node', 'collect', '--root', 'root');
    expect(out).toContain('could not be looked at');
  });
});

/** The same extension, built again: other bytes, the same content. */
function rebuilt(): Uint8Array {
  return Buffer.concat([image('kubernetes.raw'), Buffer.alloc(4096)]);
}
