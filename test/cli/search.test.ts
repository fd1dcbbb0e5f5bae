import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Digest, limits } from '../../pipeline/core/index.ts';
import { revocationSubject } from '../../pipeline/policy/index.ts';
import { blobPath, indexPath } from '../../pipeline/store/index.ts';
import { identityDigest } from '../../pipeline/release/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import {
  encodePolicy,
  encodeStatement,
  honestEvidence,
  identityOf,
  imageSha256,
  keys,
  nodeSetStatement,
  now,
  provenanceStatement,
  sha256,
  signStatement,
  stranger,
  type TestKey,
  type TestStatement,
} from '../policy/red-team-release.ts';
import { runCommandLine } from '../support/command-line.ts';
import { type LoopbackRegistry, openLoopbackRegistry } from '../support/loopback-registry.ts';
import { writeMadeStore } from '../support/made-store.ts';

const folder = makeTemporaryFolder();
const identity = identityOf(await honestEvidence());
const identitySha256 = identityDigest(identity);
const members = [
  { name: 'node.bin', digest: { sha256: imageSha256 } },
  ...identity.sysexts.map((member) => ({ name: `${member.name}.raw`, digest: { sha256: member.sha256 } })),
];
const digests = [identitySha256, ...members.map(({ digest }) => Digest.fromHex('sha256', digest.sha256))];

const built = provenanceStatement(members);
const pinned = {
  statements: [{ predicateType: built.predicateType, subject: 'node.bin', sha256: sha256(encodeStatement(built)) }],
};
const nodeSet = nodeSetStatement(identity, pinned);

const sign = (key: TestKey, statement: TestStatement) => Buffer.from(JSON.stringify(signStatement(key, statement)));
const bundles = { provenance: sign(keys.builds, built), nodeSet: sign(keys.release, nodeSet) };
const complete = Object.values(bundles);
const ended = { validity: { issuedAt: '2026-08-12T00:00:00Z', validUntil: '2026-09-01T00:00:00Z' } };
const oldNodeSet = sign(keys.release, nodeSetStatement(identity, { ...pinned, ...ended }));
const foreign = sign(stranger, nodeSet);
const unpinned = sign(keys.builds, provenanceStatement(members, 'https://ci.example/other'));

let registry: LoopbackRegistry;
beforeAll(async () => {
  registry = await openLoopbackRegistry();
  writeMadeNode(join(folder, 'root'), stableNode);
  writeFileSync(join(folder, 'policy.yaml'), encodePolicy({ require: { provenance: true } }));
  for (const { name, pem } of Object.values(keys)) writeFileSync(join(folder, `${name}.pub`), pem);
  mkdirSync(join(folder, 'release'));
  writeFileSync(join(folder, 'release/node.provenance.sigstore.json'), bundles.provenance);
  writeFileSync(join(folder, 'release/workers.node-set.sigstore.json'), bundles.nodeSet);
  expect((await run('publish', 'release', '--to', 'directory:store', oci())).exit).toBe(0);
});
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(() => {
  registry.interfere = null;
  registry.calls.length = 0;
  rmSync(join(folder, 'cache'), { recursive: true, force: true });
});
afterEach(() => vi.restoreAllMocks());

type Document = {
  verdict: string;
  exit: number;
  findings: { code: string; reason: string; message: string; field: string }[];
  ignored: { code: string }[];
  checked: { source: string }[];
};

const oci = () => `oci:${registry.repository}`;
const run = (...args: readonly string[]) => runCommandLine(args, { directory: folder, now });
const byPolicy = ['--policy', 'policy.yaml', '--public-key', 'release.pub', 'builds.pub', 'security.pub'];

async function verifyNode(...args: readonly string[]): Promise<Document & { readonly stderr: string }> {
  const { json, stderr } = await run('node', 'verify', ...byPolicy, '--root', 'root', ...args, '--json');
  return { ...(json as Document), stderr };
}

async function verify(digest: Digest, ...args: readonly string[]): Promise<Document> {
  const { json } = await run('verify', Digest.format(digest), ...byPolicy, ...args, '--json');
  return (json as { verdicts: Document[] }).verdicts[0]!;
}

const codesOf = ({ findings }: Document) => findings.map(({ code }) => code);
const withoutSources = (document: Document) => ({
  ...document,
  checked: document.checked.map((checked) => ({ ...checked, source: checked.source.replace(/^.*, signed/, 'signed') })),
});
const gets = (kind: string) =>
  registry.calls.filter(({ method, url }) => method === 'GET' && url.pathname.includes(kind));

describe('A verdict by what stores have', () => {
  test('on a node is the one by the same bundles as files, apart from where they were', async () => {
    const files = ['--bundle', ...readdirSync(join(folder, 'release')).map((name) => `release/${name}`)];
    const given = await verifyNode(...files);
    expect(given.verdict).toBe('admit');
    for (const store of ['directory:store', oci()])
      expect(withoutSources(await verifyNode('--from', store))).toEqual(withoutSources(given));
  });

  test('on an identity and on a file is the one by the directory that was published', async () => {
    for (const digest of [identitySha256, Digest.fromHex('sha256', imageSha256)]) {
      const given = await verify(digest, '--dir', 'release');
      expect(given.verdict).toBe('admit');
      for (const store of ['directory:store', oci()])
        expect(withoutSources(await verify(digest, '--from', store))).toEqual(withoutSources(given));
    }
  });

  test('names the nearest set where none has the identity of the node', async () => {
    const [first, ...others] = identity.sysexts;
    if (first === undefined) throw new TypeError('the node has a sysext');
    const near = { ...identity, sysexts: [{ ...first, sha256: '1'.repeat(64) }, ...others] };
    const nearSet = sign(keys.release, nodeSetStatement(near));
    writeMadeStore(join(folder, 'near'), [Digest.fromHex('sha256', others[0]!.sha256)], [nearSet]);
    const outcome = await verifyNode('--from', 'directory:near');
    expect(codesOf(outcome)).toEqual(['attestation.none', 'node-set.none', 'sysext.digest']);
    expect(outcome.findings[1]?.message).toContain('the nearest is workers');
  });

  test('asks for each digest once, however many files are given', async () => {
    const operands = [...digests, ...digests].map(Digest.format);
    expect((await run('verify', ...operands, ...byPolicy, '--from', oci())).exit).toBe(0);
    const asked = gets('/referrers/').map(({ url }) => url.pathname);
    expect(asked).toHaveLength(new Set(asked).size);
    // And what was revoked by signer or version.
    expect(asked).toHaveLength(digests.length + 1);
  });
});

/** What a store may say that lies, and what it should have said is `complete`. */
const lies: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ['nothing', [], 'attestation.none'],
  ['only junk', [Buffer.from('{}'), Buffer.from('not json')], 'attestation.none'],
  ['only the provenance', [bundles.provenance], 'attestation.none'],
  ['only the node set', [bundles.nodeSet], 'attestation.hidden'],
  ['another build in place of the pinned one', [bundles.nodeSet, unpinned], 'attestation.hidden'],
  ['an expired node set', [oldNodeSet, bundles.provenance], 'node-set.expired'],
  ['a node set that a stranger signed', [foreign, bundles.provenance], 'signature.no-key'],
  [
    'what is about something else',
    [sign(keys.release, nodeSetStatement({ ...identity, sysexts: [] }, {}, []))],
    'store.subject',
  ],
];

describe('A store that gives', () => {
  test.each(lies)('%s makes no node join', async (_name, contents, code) => {
    rmSync(join(folder, 'lies'), { recursive: true, force: true });
    writeMadeStore(join(folder, 'lies'), digests, contents);
    const outcome = await verifyNode('--from', 'directory:lies');
    expect(outcome.verdict).toBe('refuse');
    expect([1, 3]).toContain(outcome.exit);
    expect(codesOf(outcome)).toContain(code);
  });

  test.each(lies)('%s hides nothing of a store that is complete', async (_name, contents) => {
    rmSync(join(folder, 'lies'), { recursive: true, force: true });
    writeMadeStore(join(folder, 'lies'), digests, contents);
    const outcome = await verifyNode('--from', 'directory:lies', 'directory:store');
    expect([outcome.verdict, codesOf(outcome)]).toEqual(['admit', []]);
  });

  test('everything, and everything again, changes nothing', async () => {
    writeMadeStore(join(folder, 'all'), digests, [...complete, ...complete, oldNodeSet, foreign, unpinned]);
    const outcome = await verifyNode('--from', 'directory:all', 'directory:all', 'directory:store', oci());
    expect(outcome.verdict).toBe('admit');
  });

  test('junk is told, where it admits and where it refuses', async () => {
    writeMadeStore(join(folder, 'junk'), [identitySha256], [Buffer.from('{}')]);
    const admitted = await verifyNode('--from', 'directory:junk', 'directory:store');
    expect(admitted.ignored.map(({ code }) => code)).toContain('bundle.field');
    const refused = await verifyNode('--from', 'directory:junk');
    expect([refused.exit, codesOf(refused)]).toEqual([3, ['bundle.field', 'attestation.none', 'node-set.none']]);
  });
});

describe('A store that gives no answer', () => {
  const deny = (): void => void (registry.interfere = () => ({ status: 403 }));

  test('makes what is lacking one that could not be judged, and is named with the cause', async () => {
    deny();
    for (const outcome of [await verifyNode('--from', oci()), await verify(identitySha256, '--from', oci())]) {
      expect([outcome.verdict, outcome.exit]).toEqual(['refuse', 4]);
      expect(outcome.findings).toContainEqual(
        expect.objectContaining({
          code: 'store.unanswered',
          reason: 'unavailable',
          field: oci(),
          message: expect.stringContaining('HTTP status 403') as string,
        }),
      );
    }
  });

  test('is a note where another one has everything', async () => {
    deny();
    const outcome = await verifyNode('--from', oci(), 'directory:store');
    expect([outcome.verdict, outcome.ignored.map(({ code }) => code)]).toEqual(['admit', ['store.unanswered']]);
  });

  test('for one bundle only is silent about it, and what it lost is no junk', async () => {
    registry.interfere = ({ url }) => (url.pathname.includes('/blobs/') ? { status: 403 } : undefined);
    const outcome = await verifyNode('--from', oci());
    expect([outcome.verdict, outcome.exit]).toEqual(['refuse', 4]);
  });

  test('because it is not there is no store without bundles', async () => {
    expect((await verifyNode('--from', 'directory:nowhere')).exit).toBe(4);
  });
});

describe('A cache', () => {
  const cached = ['--cache', 'cache'];
  const fill = () => verifyNode('--from', oci(), ...cached);

  test('has in the layout of a directory store what was found', async () => {
    expect((await fill()).verdict).toBe('admit');
    expect((await verifyNode('--from', 'directory:cache')).verdict).toBe('admit');
    expect(readdirSync(join(folder, 'cache')).sort()).toEqual(['blobs', 'sha256']);
  });

  test('keeps bytes from being sent twice, and lists are asked for again', async () => {
    await fill();
    const first = { lists: gets('/referrers/').length, blobs: gets('/blobs/').length };
    expect(first.blobs).toBeGreaterThanOrEqual(2);
    registry.calls.length = 0;
    expect((await fill()).verdict).toBe('admit');
    expect(gets('/blobs/')).toEqual([]);
    expect(gets('/referrers/')).toHaveLength(first.lists);
    const listed = [...registry.manifests].filter(([, { bytes }]) => bytes.includes('"layers"'));
    for (const [digest] of listed) expect(gets(`/manifests/${digest}`)).toEqual([]);
  });

  test('hides that a store forgot what it had', async () => {
    await fill();
    registry.interfere = () => ({ status: 404 });
    expect((await fill()).verdict).toBe('admit');
  });

  test('does not keep that there was nothing', async () => {
    registry.interfere = () => ({ status: 404 });
    expect((await fill()).verdict).toBe('refuse');
    expect(existsSync(join(folder, 'cache'))).toBe(false);
    registry.interfere = null;
    expect((await fill()).verdict).toBe('admit');
  });

  test('answers alone with --offline, without a socket', async () => {
    await fill();
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('offline means offline'));
    const connect = vi.spyOn(Socket.prototype, 'connect').mockImplementation(() => {
      throw new Error('offline means offline');
    });
    expect((await verifyNode('--offline', ...cached)).verdict).toBe('admit');
    expect((await verify(identitySha256, '--offline', ...cached)).verdict).toBe('admit');
    const { exit, stdout } = await run('fetch', Digest.format(identitySha256), '--offline', ...cached);
    expect([exit, stdout.trimEnd().split('\n')]).toEqual([0, [bundles.nodeSet.toString()]]);
    expect([fetched.mock.calls, connect.mock.calls]).toEqual([[], []]);
  });

  test('that is not there, alone, has not answered', async () => {
    expect((await verifyNode('--offline', ...cached)).exit).toBe(4);
  });

  test('that has rotted is told, not believed, and made good', async () => {
    await fill();
    const blob = join(folder, 'cache', blobPath(Digest.of('sha256', bundles.nodeSet)));
    const index = join(folder, 'cache', indexPath(identitySha256));
    const right = readFileSync(index);
    writeFileSync(blob, foreign.subarray(0, bundles.nodeSet.byteLength));
    writeFileSync(index, 'rotten');
    const outcome = await fill();
    expect([outcome.verdict, outcome.ignored]).toEqual(['admit', []]);
    expect(outcome.stderr).toContain('[store.digest]');
    expect(outcome.stderr).toContain('[json.syntax]');
    expect(readFileSync(blob)).toEqual(bundles.nodeSet);
    expect(readFileSync(index)).toEqual(right);
  });

  test('that has rotted and that nobody makes good admits nobody, and says so', async () => {
    await fill();
    writeFileSync(join(folder, 'cache', blobPath(Digest.of('sha256', bundles.nodeSet))), 'rotten');
    registry.interfere = () => ({ status: 404 });
    const outcome = await fill();
    expect([outcome.verdict, outcome.exit]).toEqual(['refuse', 4]);
    expect(outcome.findings).toContainEqual(
      expect.objectContaining({ code: 'store.unanswered', field: 'cache cache' }),
    );
  });

  test('that cannot be written costs no verdict', async () => {
    writeFileSync(join(folder, 'cache'), 'a file');
    const outcome = await fill();
    expect(outcome.verdict).toBe('admit');
    expect(outcome.stderr).toContain('[file.write]');
  });

  test('adds what it has to the stores for fetch, too', async () => {
    await run('fetch', Digest.format(identitySha256), '--from', oci(), ...cached);
    registry.interfere = () => ({ status: 404 });
    const { exit } = await run('fetch', Digest.format(identitySha256), '--from', oci(), ...cached);
    expect(exit).toBe(0);
  });
});

describe('Verification', () => {
  test.each([
    ['verify', `sha256:${imageSha256}`],
    ['node', 'verify', '--root', 'root'],
  ])('refuses network stores by name with --offline: %s', async (...command) => {
    const { exit, code, stderr } = await run(...command, ...byPolicy, '--offline', '--from', oci());
    expect([exit, code]).toEqual([2, 'usage.offline']);
    expect(stderr).toContain(oci());
    expect(registry.calls).toEqual([]);
  });

  test('wants a store beside a cache, unless it is offline', async () => {
    expect((await run('verify', `sha256:${imageSha256}`, ...byPolicy, '--cache', 'cache')).code).toBe('usage.store');
  });

  test('without stores loads nothing that opens a socket', () => {
    const main = resolve(import.meta.dirname, '../../pipeline/cli/main.ts');
    const trace = `import { registerHooks } from 'node:module';
      const seen = [];
      registerHooks({ load: (url, context, next) => (seen.push(url), next(url, context)) });
      process.on('exit', () => process.stdout.write(seen.length > 100 ? 'loaded' : 'nothing'));
      process.on('exit', () => process.stdout.write(seen.filter((url) => /\\/(?:edge\\/)?store\\/|cli\\/(?:stores|search)/.test(url)).join('\\n')));
      process.argv.splice(1, 1, ${JSON.stringify(main)}, 'verify', 'sha256:${imageSha256}', '--policy', 'nowhere.yaml');
      await import(${JSON.stringify(main)});`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', trace], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([4, 'loaded']);
  });
});

describe('A search', () => {
  const padding = (at: number) => ({ name: `file ${at}`, digest: { sha256: sha256(`file ${at}`) } });
  const revocation = (subject: string, revoked: object, key: TestKey = keys.security) =>
    sign(key, {
      predicateType: 'https://nodeproof.dev/attestation/revocation/v1',
      subject: [{ digest: { sha256: subject } }],
      predicate: { revocations: [{ ...revoked, why: 'a test' }] },
    });

  beforeEach(() => {
    rmSync(join(folder, 'made'), { recursive: true, force: true });
  });
  const make = (listed: readonly Digest[], contents: readonly Uint8Array[]): void =>
    writeMadeStore(join(folder, 'made'), listed, contents);

  test('is not led astray by node sets that do not count: their files are not asked for', async () => {
    const fake = Array.from({ length: 4 }, (_, set) =>
      sign(
        stranger,
        nodeSetStatement(
          identity,
          {},
          Array.from({ length: 300 }, (__, at) => padding(set * 300 + at)),
        ),
      ),
    );
    make(digests, fake);
    const outcome = await verifyNode('--from', 'directory:made', oci());
    expect([outcome.verdict, outcome.ignored.map(({ code }) => code)]).toEqual([
      'admit',
      expect.not.arrayContaining(['store.unanswered']),
    ]);
    expect(gets('/referrers/').length).toBeLessThan(10);
  });

  test('asks for the files of the own node set before those of others that count', async () => {
    const [, first] = digests;
    const large = nodeSetStatement({ ...identity, sysexts: [] }, {}, [
      { digest: { sha256: first!.hex } },
      ...Array.from({ length: 400 }, (_, at) => padding(at)),
    ]);
    make([first!], [sign(keys.release, large)]);
    const outcome = await verify(identitySha256, '--from', 'directory:made', oci());
    expect(outcome.verdict).toBe('admit');
  });

  test.each([
    ['an identity, listed under it', { identityDigest: Digest.format(identitySha256) }, identitySha256.hex],
    ['a file of the set, listed under it', { sha256: imageSha256 }, imageSha256],
    ['a version, listed under the predicate type', { versionId: identity.os.versionId }, revocationSubject.hex],
    ['a signer, listed under the predicate type', { signer: 'release' }, revocationSubject.hex],
  ])('finds what revokes %s', async (_what, revoked, subject) => {
    make([Digest.fromHex('sha256', subject)], [revocation(subject, revoked)]);
    const outcome = await verifyNode('--from', 'directory:store', 'directory:made');
    expect([outcome.verdict, outcome.exit]).toEqual(['refuse', 1]);
    expect(codesOf(outcome).join()).toContain('revoked.');
    expect((await verifyNode('--from', 'directory:store')).verdict).toBe('admit');
  });

  test('lets nobody revoke who may not, and tells it', async () => {
    make([identitySha256], [revocation(identitySha256.hex, { signer: 'release' }, stranger)]);
    const outcome = await verifyNode('--from', 'directory:store', 'directory:made');
    expect([outcome.verdict, outcome.ignored.map(({ code }) => code)]).toEqual(['admit', ['signature.no-key']]);
  });

  test('tells of junk in the verdict on the digest that it was offered for, and in no other', async () => {
    make([digests[1]!], [Buffer.from('{}')]);
    const operands = digests.slice(0, 2).map(Digest.format);
    const { json } = await run('verify', ...operands, ...byPolicy, '--from', 'directory:made', '--json');
    const [other, own] = (json as { verdicts: Document[] }).verdicts;
    expect([codesOf(other!), codesOf(own!)]).toEqual([['attestation.none'], ['bundle.field', 'attestation.none']]);
  });

  test('finds the good bundle behind a thousand junk ones', async () => {
    const junk = Array.from({ length: limits.storeBundles + 10 }, (_, at) => Buffer.from(`{"junk":${at}}`));
    make(digests, [...junk, ...complete]);
    expect((await verifyNode('--from', 'directory:made')).verdict).toBe('admit');
  });

  test('that meets a cap says that more is not known', async () => {
    const many = Array.from({ length: limits.storeBundles + 1 }, (_, at) =>
      sign(stranger, provenanceStatement([{ digest: { sha256: identitySha256.hex } }], `https://ci.example/${at}`)),
    );
    make([identitySha256], many);
    const outcome = await verify(identitySha256, '--from', 'directory:made');
    expect(codesOf(outcome)).toContain('store.unanswered');
  });

  test('that is cut off by its own time has not been answered, whatever dripped in', async () => {
    registry.interfere = () => ({ status: 200, hangs: true });
    const start = performance.now();
    const outcome = await verifyNode('--from', oci(), '--search-timeout', '1');
    expect(performance.now() - start).toBeLessThan(5000);
    expect([outcome.verdict, outcome.exit]).toEqual(['refuse', 4]);
    expect(outcome.findings).toContainEqual(
      expect.objectContaining({
        code: 'store.unanswered',
        message: expect.stringContaining('the time for the search is over') as string,
      }),
    );
  });

  test('ends in its time at a server that drips, however many digests are asked for', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': '100000' });
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const from = `directory:http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const operands = Array.from({ length: 40 }, (_, at) => `sha256:${sha256(`file ${at}`)}`);
    const start = performance.now();
    const { exit, json } = await run(
      'verify',
      ...operands,
      ...byPolicy,
      '--from',
      from,
      '--search-timeout',
      '1',
      '--json',
    );
    expect(performance.now() - start).toBeLessThan(5000);
    server.closeAllConnections();
    server.close();
    const { verdicts } = json as { verdicts: Document[] };
    expect([exit, verdicts.filter((verdict) => verdict.exit !== 4)]).toEqual([4, []]);
  });

  test('does not wait for a server that asks for patience longer than its own time', async () => {
    registry.interfere = () => ({ status: 503, headers: { 'retry-after': '30' } });
    const start = performance.now();
    expect((await verifyNode('--from', oci(), '--search-timeout', '1')).exit).toBe(4);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test.each(['0', '-1', '1.5', 'soon', '1000000'])('takes no %s for a time', async (seconds) => {
    const { exit, code } = await run(
      'fetch',
      Digest.format(identitySha256),
      '--from',
      oci(),
      '--search-timeout',
      seconds,
    );
    expect([exit, code]).toEqual([2, 'usage.search-timeout']);
  });

  test('for fetch says that a bundle that did not come is not known, not that it is junk', async () => {
    registry.interfere = ({ url }) => (url.pathname.includes('/blobs/') ? { status: 403 } : undefined);
    expect((await run('fetch', Digest.format(identitySha256), '--from', oci())).exit).toBe(4);
  });
});
