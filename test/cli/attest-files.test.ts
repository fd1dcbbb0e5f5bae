import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { Digest } from '../../pipeline/core/index.ts';
import { parseProvenance, provenanceType } from '../../pipeline/formats/slsa/index.ts';
import { parseStatement, type Statement } from '../../pipeline/formats/statement/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { keySigner, makeKey } from '../attest/demo-release.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';
import { openLoopbackRegistry } from '../support/loopback-registry.ts';

const rebuilt = 'kubernetes-rebuilt.raw';
const now = new Date('2026-11-15T08:00:00Z');
const keys = { release: makeKey(), bakery: makeKey() };

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(demo.image, demo.falco, demo.kubernetes, rebuilt);
  for (const [name, pem] of Object.entries(keys)) workshop.write(`${name}.pem`, pem);
  workshop.write('notes.txt', 'what changed');
  workshop.write('kubeadm', 'a program');
});
afterAll(() => workshop[Symbol.dispose]());

const run = (...args: string[]) =>
  runCommandLine(args, { directory: workshop.directory, now, environment: { SOURCE_DATE_EPOCH: '1793534400' } });
const attest = (out: string, ...args: string[]) =>
  run('attest', '--name', 'bakery-1.2', '--key', 'bakery.pem', '--out', out, '--json', ...args);

function statementIn(path: string): Statement {
  const { content } = parseBundle(readFileSync(workshop.path(path)));
  if (content.kind !== 'envelope') throw new Error('Cannot read a message signature');
  return parseStatement(content.envelope.payload);
}

function spkiOf(pem: string): string {
  const { by } = keySigner(pem);
  if (by.kind !== 'key') throw new Error('Cannot go on: want a key signer');
  return by.spkiSha256.hex;
}

const validUntil = '2027-10-01T00:00:00Z';
function policyOf(changes: object = {}): string {
  return stringify({
    apiVersion: 'nodeproof.dev/policy/v1',
    name: 'attest-test',
    version: 1,
    issuedAt: '2026-10-01T00:00:00Z',
    expiresAt: validUntil,
    trust: { keys: Object.entries(keys).map(([name, pem]) => ({ name, spkiSha256: spkiOf(pem), validUntil })) },
    signers: Object.keys(keys).map((name) => ({ name, key: name })),
    allow: { 'node-set': ['release'], provenance: ['release', 'bakery'], sbom: ['release', 'bakery'] },
    require: { provenance: true },
    node: { match: 'set', os: { id: 'flatcar' } },
    ...changes,
  });
}

describe('attest without an image', () => {
  it('makes SBOM and provenance of each extension and no node set, and says where what is', async () => {
    const { exit, json } = await attest('alone', '--sysext', `kubernetes=${rebuilt}`);
    expect(exit).toBe(0);
    const names = [`${rebuilt}.cdx.json`, `${rebuilt}.provenance.sigstore.json`, `${rebuilt}.sbom.sigstore.json`];
    const files = [...names, ...['intoto.jsonl', 'summary.md', 'trust-pack.json'].map((end) => `bakery-1.2.${end}`)];
    expect(readdirSync(workshop.path('alone')).sort()).toEqual([...files, 'SHA256SUMS'].sort());
    expect(json).toMatchObject({
      nodeSet: null,
      identityDigest: null,
      identity: null,
      statements: 2,
      verified: true,
      bundles: [
        { file: names[1], predicateType: provenanceType, subjects: 2 },
        { file: names[2], predicateType: 'https://cyclonedx.org/bom', subjects: 1 },
      ],
      sboms: [names[0]],
      bundleLines: 'bakery-1.2.intoto.jsonl',
      trustPack: 'bakery-1.2.trust-pack.json',
      summary: 'bakery-1.2.summary.md',
      checksums: 'SHA256SUMS',
    });
    const { buildDefinition } = parseProvenance(statementIn(`alone/${names[1]}`).predicate);
    expect(buildDefinition.externalParameters).toMatchObject({ nodeSet: 'bakery-1.2', image: null, files: [] });
    expect(readFileSync(workshop.path('alone/bakery-1.2.summary.md'), 'utf8')).toMatch(/^# Release `bakery-1.2`\n/);
  });

  it('takes two versions of one extension, of which no node merges both', async () => {
    const outcome = await attest('two', '--sysext', `kubernetes=${rebuilt}`, `kubernetes=${demo.kubernetes}`);
    expect(outcome).toMatchObject({ exit: 0, json: { statements: 4 } });
  });

  it.each([
    ['nothing', [], 'usage.nothing'],
    ['a shipped image', ['--sysext', rebuilt, '--shipped', 'x.bz2'], 'usage.image'],
    ['built-in extensions to leave out', ['--sysext', rebuilt, '--without', 'docker-flatcar'], 'usage.image'],
    ['a role', ['--sysext', rebuilt, '--role', 'worker'], 'usage.image'],
    ['an end', ['--sysext', rebuilt, '--valid-until', '2027-08-01T00:00:00Z'], 'usage.image'],
  ])('refuses %s', async (_, args, code) => {
    expect(await attest('refused', ...args)).toMatchObject({ exit: 2, code });
    expect(existsSync(workshop.path('refused'))).toBe(false);
  });
});

describe('a node whose extension was attested on its own', () => {
  const samples = new URL('../../samples/demo/cases/', import.meta.url).pathname;
  type Case = { readonly images?: object; readonly bundles: readonly string[] };

  /** The demo's honest node, with the rebuilt Kubernetes, judged by what this test attested. */
  async function judge(name: string, { images = {}, bundles }: Case) {
    const base = parseYaml(readFileSync(`${samples}base.yaml`, 'utf8')) as { images: Record<string, unknown> };
    mkdirSync(workshop.path(`${name}/case`), { recursive: true });
    const fromHere = (path: string) => relative(workshop.path(name), `${samples}${path}`);
    const moved = Object.entries(base.images).map(([at, image]) =>
      typeof image === 'string'
        ? [at, fromHere(image)]
        : [at, { ...(image as object), file: fromHere((image as { file: string }).file) }],
    );
    const kubernetes = { '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw': `../${rebuilt}` };
    const changed = {
      ...base,
      pack: undefined,
      policy: '../members.yaml',
      root: fromHere('../node'),
      images: { ...Object.fromEntries(moved), ...kubernetes, ...images },
      bundles: bundles.map((path) => `../${path}`),
      publicKeys: ['../release.pub', '../bakery.pub'],
    };
    workshop.write(`${name}/base.yaml`, stringify(changed));
    const title = { title: 'a node', threat: 'A test.', expect: { verdict: 'admit', exit: 0 } };
    workshop.write(`${name}/case/case.yaml`, stringify(title));
    const { exit, json } = await run('policy', 'test', name, '--json');
    return { exit, text: JSON.stringify(json) };
  }

  beforeAll(async () => {
    const release = ['--image', demo.image, '--sysext', demo.falco, '--key', 'release.pem'];
    expect(await run('attest', ...release, '--name', 'workers', '--role', 'worker', '--out', 'set')).toMatchObject({
      exit: 0,
    });
    expect(await attest('member', '--sysext', `kubernetes=${rebuilt}`)).toMatchObject({ exit: 0 });
    for (const [name, pem] of Object.entries(keys)) {
      const { by } = keySigner(pem);
      if (by.kind === 'key') workshop.write(`${name}.pub`, by.publicKeyPem);
    }
    const allowed = ['containerd-flatcar', 'docker-flatcar', 'falco'];
    const node = { match: 'members', os: { id: 'flatcar' }, sysexts: { required: ['kubernetes'], allowed } };
    const allow = { 'node-set': ['release'], provenance: ['release'], member: { kubernetes: ['bakery'] } };
    workshop.write('members.yaml', policyOf({ node, allow }));
  });
  const lines = ['set/workers.intoto.jsonl', 'member/bakery-1.2.intoto.jsonl'];

  it('is admitted by a policy that matches members', async () => {
    expect((await judge('admitted', { bundles: lines })).text).toContain('"verdict":"admit"');
  });

  it('is refused with another extension of that name', async () => {
    const images = { '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw': `../${demo.kubernetes}` };
    const { exit, text } = await judge('another', { images, bundles: lines });
    expect(exit).toBe(1);
    expect(text).toContain('sysext.unattested');
  });

  it('is refused without the attestation, and with one that was altered', async () => {
    expect((await judge('without', { bundles: lines.slice(0, 1) })).text).toContain('sysext.unattested');
    const bundle = JSON.parse(readFileSync(workshop.path(`member/${rebuilt}.provenance.sigstore.json`), 'utf8')) as {
      dsseEnvelope: { payload: string };
    };
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString().replace('bakery-1.2', 'bakery-1.3');
    bundle.dsseEnvelope.payload = Buffer.from(payload).toString('base64');
    workshop.write('altered.sigstore.json', JSON.stringify(bundle));
    const { text } = await judge('altered', { bundles: ['set/workers.intoto.jsonl', 'altered.sigstore.json'] });
    expect(text).toContain('"verdict":"refuse"');
  });
});

describe('attest of further files', () => {
  const image = `ghcr.io/acme/nodes:1.2@sha256:${'a'.repeat(64)}`;

  it('attests files and digests plainly, once each, by their sorted names', async () => {
    const { exit, json } = await attest('files', '--subject', 'notes.txt', 'kubeadm', './notes.txt', image);
    expect(exit).toBe(0);
    const file = 'bakery-1.2.files.provenance.sigstore.json';
    expect(json).toMatchObject({ statements: 1, bundles: [{ file, subjects: 3 }], sboms: [] });
    const statement = statementIn(`files/${file}`);
    expect(statement.subject).toEqual([
      {
        name: 'ghcr.io/acme/nodes:1.2',
        digest: { sha256: 'a'.repeat(64) },
        annotations: { role: 'file', nodeproof_verified: false },
      },
      { name: 'kubeadm', digest: { sha256: Digest.of('sha256', 'a program').hex }, annotations: { role: 'file' } },
      { name: 'notes.txt', digest: { sha256: Digest.of('sha256', 'what changed').hex }, annotations: { role: 'file' } },
    ]);
    expect(parseProvenance(statement.predicate).buildDefinition.externalParameters['files']).toEqual([
      'ghcr.io/acme/nodes:1.2',
      'kubeadm',
      'notes.txt',
    ]);
    const sums = readFileSync(workshop.path('files/SHA256SUMS'), 'utf8');
    expect(sums).toContain('  notes.txt\n');
    expect(sums).not.toContain('ghcr.io');
    expect(readFileSync(workshop.path('files/bakery-1.2.summary.md'), 'utf8')).toContain('| `notes.txt` |');
  });

  it('takes a digest that was given for computed where the file is there too', async () => {
    const given = `kubeadm@sha256:${Digest.of('sha256', 'a program').hex}`;
    await attest('both', '--subject', given, 'kubeadm');
    const { subject } = statementIn('both/bakery-1.2.files.provenance.sigstore.json');
    expect(subject.map(({ annotations }) => annotations)).toEqual([{ role: 'file' }]);
  });

  it('lets verify admit such a file by a policy that wants provenance, and refuse it changed', async () => {
    workshop.write('policy.yaml', policyOf());
    workshop.write('changed.txt', 'what changed!');
    const verify = (file: string) => run('verify', file, '--policy', 'policy.yaml', '--dir', 'files');
    expect((await verify('notes.txt')).exit).toBe(0);
    expect((await verify(`sha256:${'a'.repeat(64)}`)).exit).toBe(0);
    expect((await verify('changed.txt')).exit).toBe(1);
    workshop.write('other.yaml', policyOf({ allow: { 'node-set': ['bakery'], provenance: ['release'] } }));
    expect((await run('verify', 'notes.txt', '--policy', 'other.yaml', '--dir', 'files')).exit).toBe(3);
  });

  it('is published, though a file be named as if it were one of the release', async () => {
    workshop.write('theirs.cdx.json', '{}');
    await attest('published', '--subject', 'theirs.cdx.json', image);
    await using registry = await openLoopbackRegistry();
    const stores = ['--to', 'directory:store', `oci:${registry.repository}`];
    expect(await run('publish', 'published', ...stores)).toMatchObject({ exit: 0 });
    for (const store of ['directory:store', `oci:${registry.repository}`])
      expect(await run('fetch', `sha256:${'a'.repeat(64)}`, '--from', store)).toMatchObject({ exit: 0 });
    workshop.write('published/bakery-1.2.trust-pack.json', '{}');
    expect((await run('publish', 'published', '--to', 'directory:store')).exit).not.toBe(0);
  });

  it('leaves files of a set to the set: none becomes a member by that', async () => {
    const args = ['--image', demo.image, '--sysext', demo.falco, '--subject', demo.falco, 'notes.txt'];
    const { json } = await attest('beside', ...args);
    const { bundles, statements, identity } = json as {
      bundles: { file: string; subjects: number }[];
      statements: number;
      identity: object;
    };
    expect(statements).toBe(10);
    expect(bundles.at(-1)).toMatchObject({ file: 'bakery-1.2.files.provenance.sigstore.json', subjects: 1 });
    expect(JSON.stringify(identity)).not.toContain('notes');
    const nodeSet = statementIn('beside/bakery-1.2.node-set.sigstore.json');
    expect(JSON.stringify(nodeSet)).not.toMatch(/notes|\.files/);
    expect((nodeSet.predicate['statements'] as unknown[]).length).toBe(8);
  });

  it.each([
    ['two digests under one name', ['x@sha256:' + 'a'.repeat(64), 'x@sha256:' + 'b'.repeat(64)], 'usage.subject'],
    ['another digest than its file has', ['notes.txt', `notes.txt@sha256:${'b'.repeat(64)}`], 'usage.subject'],
    ['a digest of another algorithm', [`x@sha512:${'a'.repeat(128)}`], 'usage.subject'],
    ['a digest in capitals', [`x@sha256:${'A'.repeat(64)}`], 'usage.subject'],
    ['a digest that is cut', ['x@sha256:aaaa'], 'usage.subject'],
    ['a digest without a name', [`@sha256:${'a'.repeat(64)}`], 'usage.subject'],
    ['a file that is not there', ['nowhere.txt'], 'file.missing'],
    ['a directory', ['store'], 'file.kind'],
    ['a name that moves the cursor', [`a\u001b[2Jb@sha256:${'a'.repeat(64)}`], 'attest.file-name'],
    ['a file that the release has itself', ['files/SHA256SUMS'], 'attest.file-name'],
    ['more than there may be', Array.from({ length: 16_385 }, (_, at) => `f${at}`), 'usage.subjects'],
  ])('refuses %s', async (_, subjects, code) => {
    expect((await attest('refused', '--subject', ...subjects)).code).toBe(code);
    expect(existsSync(workshop.path('refused'))).toBe(false);
  });

  it('names both digests where two differ', async () => {
    const { json } = await attest('refused', '--subject', `x@sha256:${'a'.repeat(64)}`, `x@sha256:${'b'.repeat(64)}`);
    const text = JSON.stringify(json);
    expect(text).toContain('a'.repeat(64));
    expect(text).toContain('b'.repeat(64));
  });

  it('is split into statements that stores take', async () => {
    const subjects = Array.from({ length: 2050 }, (_, at) => `f${at}@sha256:${at.toString(16).padStart(64, '0')}`);
    const { json } = await attest('many', '--subject', ...subjects);
    const { bundles } = json as { bundles: object[] };
    expect(bundles).toEqual([
      { file: 'bakery-1.2.files.provenance.sigstore.json', predicateType: provenanceType, subjects: 1024 },
      { file: 'bakery-1.2.files.2.provenance.sigstore.json', predicateType: provenanceType, subjects: 1024 },
      { file: 'bakery-1.2.files.3.provenance.sigstore.json', predicateType: provenanceType, subjects: 2 },
    ]);
  });

  it('is compared with what upstream published, too', async () => {
    workshop.write('SHA512SUMS', `${Digest.of('sha512', 'what changed').hex}  notes.txt\n`);
    expect((await attest('listed', '--subject', 'notes.txt', '--upstream', 'SHA512SUMS')).exit).toBe(0);
    const { buildDefinition } = parseProvenance(
      statementIn('listed/bakery-1.2.files.provenance.sigstore.json').predicate,
    );
    expect(buildDefinition.resolvedDependencies).toMatchObject([
      { name: 'notes.txt', annotations: { nodeproof_verified: false, list: 'SHA512SUMS' } },
    ]);
    workshop.write('WRONG', `${'c'.repeat(128)}  notes.txt\n`);
    expect((await attest('refused', '--subject', 'notes.txt', '--upstream', 'WRONG')).code).toBe('upstream.digest');
  });

  it('takes a directory for the lists that lie in it', async () => {
    mkdirSync(workshop.path('upstream/SHA256SUMS'), { recursive: true });
    workshop.write('upstream/kubeadm.DIGESTS', `# SHA512 HASH\n${Digest.of('sha512', 'a program').hex}  kubeadm\n`);
    workshop.write('upstream/SHA512SUMS', `${Digest.of('sha512', 'what changed').hex}  notes.txt\n`);
    workshop.write('upstream/SHA512SUMS.txt', 'no list');
    workshop.write('upstream/README', 'no list');
    const { json } = await attest('folder', '--subject', 'notes.txt', 'kubeadm', '--upstream', 'upstream');
    expect(json).toMatchObject({ unsignedUpstream: ['SHA512SUMS', 'kubeadm.DIGESTS'] });
    mkdirSync(workshop.path('empty/SHA256SUMS'), { recursive: true });
    for (const name of ['SHA256SUMS.txt', 'xDIGESTS', 'MD5SUMS', 'DIGESTS.key']) workshop.write(`empty/${name}`, '');
    const refused = await attest('refused', '--subject', 'notes.txt', '--upstream', 'empty');
    expect(refused).toMatchObject({ exit: 2, code: 'usage.upstream' });
    mkdirSync(workshop.path('full'));
    for (let at = 0; at <= 256; at++) workshop.write(`full/${at}.DIGESTS`, '');
    expect((await attest('refused', '--subject', 'notes.txt', '--upstream', 'full')).code).toBe('limit.upstream-files');
  });
});

describe('a file whose name is that of a digest', () => {
  it('is refused: its own bytes would not be read', async () => {
    const name = `kubelet@sha256:${'ab'.repeat(32)}`;
    workshop.write(name, 'other bytes');
    for (const subject of [name, `./${name}`]) {
      const { exit, json } = await attest('by-name', '--subject', subject);
      expect(exit).toBe(2);
      expect(json).toMatchObject({ error: { code: 'usage.subject' } });
    }
    expect(existsSync(workshop.path('by-name'))).toBe(false);
  });
});

describe('a key in a variable', () => {
  const attestBy = (key: string, environment: Readonly<Record<string, string>>) =>
    runCommandLine(['attest', '--name', 'env', '--key', key, '--out', 'by-env', '--subject', 'notes.txt', '--json'], {
      directory: workshop.directory,
      now,
      environment,
    });

  it('signs as the same key in a file does', async () => {
    const { exit } = await attestBy('env://RELEASE_KEY', { RELEASE_KEY: keys.release });
    expect(exit).toBe(0);
    expect(readFileSync(workshop.path('by-env/env.summary.md'), 'utf8')).toContain(spkiOf(keys.release));
  });

  it.each([{}, { RELEASE_KEY: '' }])('that is not set is refused (%o)', async (environment) => {
    const { exit, json } = await attestBy('env://RELEASE_KEY', environment);
    expect([exit, json]).toMatchObject([2, { error: { code: 'usage.key', where: 'env://RELEASE_KEY' } }]);
  });
});
