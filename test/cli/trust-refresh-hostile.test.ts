import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Json, limits } from '../../pipeline/core/index.ts';
import { emptyState } from '../../pipeline/policy/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { keys, nodeSetStatement, stranger } from '../policy/red-team-release.ts';
import { type LoopbackRegistry, openLoopbackRegistry } from '../support/loopback-registry.ts';
import { asked, bundles, next, nextStatement, nothing, RefreshedNode, revoke, sign } from './refreshed-node.ts';

const node = new RefreshedNode(makeTemporaryFolder());
const { folder, packPath } = node;
const main = resolve(import.meta.dirname, '../../pipeline/cli/main.ts');

let registry: LoopbackRegistry;
beforeAll(async () => void (registry = await openLoopbackRegistry()));
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(() => {
  registry.interfere = null;
  node.reset();
});
const oci = () => `oci:${registry.repository}`;

/** The same statement and signature as another bundle. */
function copyOf(bundle: Json, hint: string): Json {
  const { verificationMaterial: _, ...rest } = bundle as { [key: string]: Json };
  return { ...rest, verificationMaterial: { publicKey: { hint } } };
}

describe('A store that offers', () => {
  test('thousands of bundles by a stranger hides nothing of what lies beside them, nor of what others gave', async () => {
    const many = Array.from({ length: limits.storeBundles + 500 }, (_, at) =>
      sign(stranger, nodeSetStatement(next, { name: `workers-${at}` })),
    );
    node.offer([...many, bundles.next], [asked.identity, asked.shared, asked.revocations, asked.next], 'other');
    node.offer([bundles.ownRevocation]);
    const start = performance.now();
    const outcome = await node.refresh('directory:other', 'directory:store');
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(outcome.added).toEqual({ ...nothing, nodeSets: 1, revocations: 1 });
    expect([outcome.exit, outcome.silences]).toEqual([0, []]);
    expect(outcome.passedOver.map(({ code }) => code)).toContain('signature.no-key');
    expect(JSON.stringify(outcome).length).toBeLessThan(5000);
  });

  test('what a stranger signed is asked for the signature alone: nothing in it is read', async () => {
    const unread = { ...(sign(stranger, nextStatement) as { dsseEnvelope: object }) };
    const payload = Buffer.from('no statement').toString('base64');
    node.offer([{ ...unread, dsseEnvelope: { ...unread.dsseEnvelope, payload } }, bundles.next]);
    const outcome = await node.refresh();
    expect(outcome.added).toEqual({ ...nothing, nodeSets: 1 });
    expect(outcome.passedOver.map(({ code }) => code)).toContain('signature.no-key');
    expect(outcome.passedOver.map(({ code }) => code)).not.toContain('json.syntax');
  });

  test('a bundle larger than any that is published does not make us read it', async () => {
    const large = { ...nextStatement, predicate: { filling: 'x'.repeat(limits.refreshBundleBytes) } };
    node.offer([sign(keys.release, large), bundles.next]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, added: { ...nothing, nodeSets: 1 } });
    expect(outcome.passedOver.map(({ code }) => code)).toContain('limit.search-bundle');
  });

  test('hundreds of copies of one statement adds one of them', async () => {
    const copies = Array.from({ length: 500 }, (_, at) => copyOf(bundles.next, `copy ${at}`));
    node.offer(copies, [asked.shared, asked.next]);
    expect((await node.refresh()).added).toEqual({ ...nothing, nodeSets: 1 });
    node.offer([copyOf(bundles.next, 'another'), copyOf(bundles.own, 'another')]);
    expect(await node.refresh()).toMatchObject({ isChanged: false, added: nothing });
  });

  test('an old pack of the same name adds nothing of what it calls itself', async () => {
    node.offer([{ mediaType: 'application/vnd.nodeproof.trust-pack.v1+json', name: 'workers', version: 99 }]);
    expect(await node.refresh()).toMatchObject({ isChanged: false, trustPack: { version: 5 } });
  });

  test('a revocation that cannot be read, by who may revoke, is told and does not spoil the pack', async () => {
    const unread = sign(keys.security, { ...revoke({}, asked.revocations), predicate: { revokes: 'all' } });
    node.offer([unread, bundles.next]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 3, added: { ...nothing, nodeSets: 1 } });
    expect(outcome.unreadRevocations).toEqual([expect.objectContaining({ code: 'revocation.field' })]);
    expect((await node.verify()).verdict).toBe('admit');
  });

  test('what a revoked signer signed, with the revocation, adds the revocation alone', async () => {
    const revocation = sign(keys.security, revoke({ signer: 'release' }, asked.revocations));
    node.offer([bundles.next, revocation], [asked.shared, asked.revocations]);
    const outcome = await node.refresh();
    expect(outcome.added).toEqual({ ...nothing, revocations: 1 });
    expect(outcome.passedOver.map(({ code }) => code)).toContain('revoked.signer');
  });
});

describe('Where a store gives no answer', () => {
  test('what the others gave is taken, and the exit is 4', async () => {
    registry.interfere = () => ({ status: 403 });
    node.offer([bundles.next, bundles.ownRevocation]);
    const outcome = await node.refresh(oci(), 'directory:store');
    expect(outcome).toMatchObject({ exit: 4, added: { ...nothing, nodeSets: 1, revocations: 1 } });
    expect(outcome.silences.map(({ store }) => store)).toEqual([oci()]);
    expect(node.readPack().bundles).toHaveLength(2);
  });

  test('and there is no other, nothing is written', async () => {
    expect(await node.refresh('directory:nowhere')).toMatchObject({ exit: 4, isChanged: false, added: nothing });
    expect(node.isUntouched()).toBe(true);
  });

  test('in its time it is not waited for', async () => {
    registry.interfere = () => ({ status: 200, hangs: true });
    node.offer([bundles.next]);
    const { exit } = await node.attempt('--from', oci(), 'directory:store', '--search-timeout', '1');
    expect([exit, node.readPack().bundles.length]).toEqual([4, 2]);
  });

  test('it is told to people, with what came of the rest', async () => {
    node.offer([bundles.next, bundles.ownRevocation, sign(stranger, nextStatement)], [asked.shared, asked.revocations]);
    const { stdout } = await node.attempt('--from', 'directory:store', 'directory:nowhere');
    expect(stdout).toMatch(/^ {2}trust pack {3}trust-pack\.json: workers version 5, issued 2026-11-01T12:00:00Z$/m);
    expect(stdout).toMatch(/^ {2}added {8}1 node set, 1 revocation$/m);
    expect(stdout).toMatch(/^ {2}passed over {2}store\/\S+: Cannot verify the signature: .* \[signature\.no-key\]$/m);
    expect(stdout).toMatch(/^ {2}no answer {4}directory:nowhere: .* \[file\.missing\]/m);
  });
});

describe('trust refresh refuses', () => {
  test.each<[string, () => void, string]>([
    [
      'a pack older than one that was accepted',
      () => accept({ packVersions: { workers: 6 } }),
      'trust-pack.rolled-back',
    ],
    [
      'a policy older than one that was accepted',
      () => accept({ policyVersions: { workers: 2 } }),
      'policy.rolled-back',
    ],
    ['a clock that was set back', () => accept({ newestTime: '2027-01-01T00:00:00Z' }), 'clock.set-back'],
    ['a pack that expired', () => node.writePack({ expiresAt: '2026-11-20T00:00:00Z' }), 'trust-pack.expired'],
    ['a pack that is too old', () => node.writePolicy({ trustPack: { maximumAgeDays: 7 } }), 'trust-pack.too-old'],
    ['by a policy that expired', () => node.writePolicy({ expiresAt: '2026-11-20T00:00:00Z' }), 'policy.expired'],
  ])('%s, as node verify does', async (_what, spoil, code) => {
    spoil();
    node.age();
    node.offer([bundles.next]);
    const { exit, json, stdout } = await node.attempt('--from', 'directory:store', '--state', 'state.json', '--json');
    expect([exit, json]).toEqual([
      1,
      expect.objectContaining({ isChanged: false, refused: [expect.objectContaining({ code })] }),
    ]);
    expect(stdout).not.toContain('store/');
    expect(node.isUntouched()).toBe(true);
  });

  function accept(changes: Partial<typeof emptyState>): void {
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ ...emptyState, ...changes }));
  }

  test.each<[string, () => void, string, number]>([
    ['a policy that is none', () => writeFileSync(join(folder, 'policy.yaml'), 'apiVersion: other'), 'policy.field', 2],
    ['a pack that is none', () => writeFileSync(packPath, '{"mediaType":'), 'json.syntax', 3],
    ['a state that is none', () => writeFileSync(join(folder, 'state.json'), '{}'), 'state.field', 3],
    ['a pack that is a link', linkPack, 'file.kind', 4],
    ['a pack that is a directory', replaceByDirectory, 'file.kind', 4],
    ['a pack that is not there', () => renameSync(packPath, join(folder, 'moved.json')), 'file.missing', 4],
  ])('%s, and writes nothing', async (_what, spoil, code, exit) => {
    spoil();
    node.offer([bundles.next]);
    const before = snapshot();
    const outcome = await node.attempt('--from', 'directory:store', '--state', 'state.json');
    expect([outcome.code, outcome.exit, outcome.stdout]).toEqual([code, exit, '']);
    expect(snapshot()).toEqual(before);
  });

  function linkPack(): void {
    renameSync(packPath, join(folder, 'elsewhere.json'));
    symlinkSync('elsewhere.json', packPath);
  }

  function replaceByDirectory(): void {
    renameSync(packPath, join(folder, 'moved.json'));
    mkdirSync(packPath);
  }

  /** Everything in the folder that a refresh could touch. */
  function snapshot(): readonly string[] {
    return readdirSync(folder)
      .filter((name) => !['root', 'store'].includes(name))
      .map((name) => {
        const stats = lstatSync(join(folder, name));
        return `${name} ${stats.mode} ${stats.mtimeMs} ${stats.isFile() ? readFileSync(join(folder, name), 'utf8') : ''}`;
      });
  }

  test('to put an older pack in the place of one that was installed meanwhile', async () => {
    node.offer([bundles.next]);
    registry.interfere = () => {
      node.writePack({ version: 6, bundles: [] });
      return { status: 404 };
    };
    const { code, exit } = await node.attempt('--from', oci(), 'directory:store');
    expect([code, exit, node.readPack().version, node.isUntouched()]).toEqual(['file.changed', 4, 6, true]);
  });

  test('to go on without a store', async () => {
    expect(await node.attempt()).toMatchObject({ exit: 2, code: 'usage.missing-mandatory-option-value' });
    expect(await node.attempt('--from', 'ftp:x')).toMatchObject({ exit: 2, code: 'usage.store' });
  });
});

describe('A node without an identity', () => {
  test('is told, and still hears of revocations', async () => {
    node.offer([bundles.ownRevocation], [asked.revocations]);
    renameSync(join(folder, 'root/run/nodeproof/captured/architecture'), join(folder, 'architecture'));
    const outcome = await node.refresh();
    renameSync(join(folder, 'architecture'), join(folder, 'root/run/nodeproof/captured/architecture'));
    expect(outcome).toMatchObject({ exit: 4, identity: null, added: { ...nothing, revocations: 1 } });
  });
});

describe('A pack without a key that the policy pins', () => {
  test('takes nothing that this key signed, and says so', async () => {
    node.writePack({ publicKeys: [keys.release.pem] });
    node.offer([bundles.next, bundles.ownRevocation]);
    const outcome = await node.refresh();
    expect(outcome.added).toEqual({ ...nothing, nodeSets: 1 });
    expect(outcome.missingAnchors).toEqual([expect.stringContaining('builds'), expect.stringContaining('security')]);
  });
});

/** In a process of its own, by a policy that this clock accepts. */
describe('A refresh that is ended', () => {
  beforeEach(() => {
    node.writePolicy({ issuedAt: '2020-01-01T00:00:00Z', expiresAt: '2099-01-01T00:00:00Z' });
    node.writePack({ expiresAt: null });
  });
  const files = ['--policy', 'policy.yaml', '--trust-pack', 'trust-pack.json', '--root', 'root'];
  const args = (from: string) => [main, 'trust', 'refresh', ...files, '--from', 'directory:store', from];

  test('by a signal while it waits for a store leaves the old pack', async () => {
    node.offer([bundles.next]);
    const asking = new Promise<void>((done) => {
      registry.interfere = () => {
        done();
        return { status: 200, hangs: true };
      };
    });
    const child = spawn(process.execPath, args(oci()), { cwd: folder, stdio: 'ignore' });
    const ended = new Promise((done) => child.on('exit', done));
    await asking;
    child.kill('SIGKILL');
    await ended;
    expect([node.isUntouched(), node.readPack().bundles.length]).toEqual([true, 1]);
  });

  test('by a file system without room leaves the old pack, and nothing beside it', () => {
    node.writePack({ expiresAt: null, bundles: [bundles.own, { filling: 'x'.repeat(100_000) }] });
    node.offer([bundles.next]);
    const before = readdirSync(folder);
    const words = [process.execPath, ...args('directory:store')].map((word) => `'${word}'`).join(' ');
    // No file may grow beyond 32 KiB.
    const { status, stderr } = spawnSync('bash', ['-c', `ulimit -f 32; ${words}`], { cwd: folder, encoding: 'utf8' });
    expect([status, stderr]).toEqual([4, expect.stringContaining('EFBIG [file.write]')]);
    expect([node.isUntouched(), readdirSync(folder)]).toEqual([true, before]);
  });
});
