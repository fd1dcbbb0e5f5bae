import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { encodeCanonicalJson, type Json } from '../../pipeline/core/index.ts';
import { buildKeySigner } from '../../pipeline/edge/sigstore/index.ts';
import { buildEvidenceIdentity } from '../../pipeline/evidence/index.ts';
import { buildIdentitySubject, nodeSetPredicateType } from '../../pipeline/release/index.ts';
import { encodeTrustPack, parsePublicKey, parseTrustPack, publicGoodRoot } from '../../pipeline/trust/index.ts';
import { openMadeNode, reference, stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import { fetch, readButane, readIgnition } from '../installation/written-files.ts';
import { type CommandOutcome, runCommandLine } from '../support/command-line.ts';
import { buildElfImage } from '../support/elf-image.ts';
import { provenanceType, sbomType } from '../support/small-release.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = buildKeySigner(Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })));
const publicKeyPem = signer.by.kind === 'key' ? signer.by.publicKeyPem : '';
const program = buildElfImage({ machine: 62 });

let folder: string;
const at = (name: string) => join(folder, name);
const put = (name: string, content: string | Uint8Array) => writeFileSync(at(name), content);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-butane-'));
  const nodeSet = await signNodeSet();
  const others = [
    await sign(provenanceType, { builder: 'x'.repeat(20_000) }, [somebody]),
    await sign(sbomType, { components: 'y'.repeat(90_000) }, [somebody]),
    await sign('https://example.com/other', {}, [somebody]),
  ];
  put('pack.json', packOf([...others, nodeSet]));
  put('no-set.json', packOf(others));
  put('no-key.json', packOf([nodeSet], []));
  put('policy.yaml', policyOf(''));
  put('wants-all.yaml', policyOf('require: { provenance: true, sbom: true }\n'));
  put('arm64.yaml', policyOf('').replace('{ id: flatcar }', '{ id: flatcar, architectures: [arm64] }'));
  put('nodeproof-linux-x64', program);
  put('nodeproof.gz', Buffer.from('1f8b08000000000000030300000000000000000000', 'hex'));
  put(
    'user.bu',
    '# Ours.\nvariant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n    - path: /etc/hostname\n      mode: 0644\n',
  );
  put('user.ign', '{"ignition":{"version":"3.3.0"},"passwd":{"users":[{"name":"core"}]}}');
  put(
    'clash.bu',
    'variant: flatcar\nversion: 1.1.0\nsystemd:\n  units:\n    - {name: nodeproof-guard.service, mask: true}\n',
  );
  writeMadeNode(at('root'), stableNode);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const somebody = { name: 'a file', digest: { sha256: 'ab'.repeat(32) } };

async function sign(predicateType: string, predicate: object, subject: readonly object[]): Promise<Json> {
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate };
  const bytes = await signer.signStatement(encodeCanonicalJson(statement as Json), 'application/vnd.in-toto+json');
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
}

async function signNodeSet(): Promise<Json> {
  const own = buildEvidenceIdentity(await collectEvidence(openMadeNode(stableNode)));
  if ('findings' in own) throw new TypeError('the honest node has no identity');
  const { identity } = own;
  const validity = { issuedAt: '2026-11-01T12:00:00Z', validUntil: null };
  const set = { name: 'workers', role: 'worker', identity, reference, validity, statements: [] };
  return sign(nodeSetPredicateType, set, [buildIdentitySubject(identity)]);
}

function packOf(bundles: readonly Json[], publicKeys: readonly string[] = [publicKeyPem]): Uint8Array {
  return encodeTrustPack({
    name: 'workers',
    version: 5,
    issuedAt: '2026-11-01T12:00:00Z',
    expiresAt: null,
    trustedRoots: [publicGoodRoot().json],
    publicKeys,
    bundles,
    revocations: [bundles[0] ?? {}],
  });
}

function policyOf(more: string): string {
  return `apiVersion: nodeproof.dev/policy/v1
name: workers
version: 7
issuedAt: 2026-11-01T12:00:00Z
expiresAt: 2027-03-01T00:00:00Z
trust:
  keys:
    - { name: release, spkiSha256: ${parsePublicKey(publicKeyPem).spkiSha256}, validUntil: 2027-12-01T00:00:00Z }
signers:
  - { name: release, key: release }
allow: { node-set: [release], provenance: [release], sbom: [release] }
${more}node:
  os: { id: flatcar }
  sysexts: { required: [kubernetes] }
`;
}

const given = {
  policy: 'policy.yaml',
  'trust-pack': 'pack.json',
  binary: 'nodeproof-linux-x64',
  'binary-url': 'https://files.example.com/nodeproof.gz',
};

function butane(change: Partial<typeof given> = {}, ...more: readonly string[]): Promise<CommandOutcome> {
  const options = Object.entries({ ...given, ...change }).flatMap(([name, value]) => [`--${name}`, value]);
  return runCommandLine(['node', 'butane', ...options, ...more], { directory: folder, now });
}

const now = new Date('2026-11-22T12:00:00Z');

type Told = {
  readonly document?: string;
  readonly language: string;
  readonly ignition: { readonly isWhole: boolean; readonly sizeBytes: number; readonly hash: string };
  readonly trustPack: { readonly sizeBytes: number; readonly bundles: number; readonly givenBundles: number };
  readonly notes: readonly string[];
};

describe('node butane', () => {
  it('prints Butane, and tells its size and where it fits on stderr', async () => {
    const { exit, stdout, stderr } = await butane();
    expect(exit).toBe(0);
    const written = readButane(stdout);
    expect(written.get('/var/lib/nodeproof/policy.yaml')).toBe(`0600 ${policyOf('')}`);
    const sha512 = createHash('sha512').update(program).digest('hex');
    expect(written.get('/var/lib/nodeproof/bin/nodeproof')).toBe(`0700 ${given['binary-url']} gzip sha512-${sha512}`);
    expect(stderr).toMatch(/user data +\d+ bytes of Ignition\n/);
    expect(stderr).toMatch(
      /fits +EC2 no \(16384 bytes\), OpenStack yes \(49149 bytes\), Azure yes \(65536 bytes\), GCE yes/,
    );
    expect(stderr).toMatch(/--compact +makes it \d{4} bytes\n/);
  });

  it('says the same in Ignition, whose size and hash it tells', async () => {
    const { exit, json } = await butane({}, '--out', 'a.bu', '--ignition', 'a.ign', '--json');
    expect(exit).toBe(0);
    const ignition = readFileSync(at('a.ign'));
    expect(readIgnition(ignition.toString('utf8'))).toEqual(readButane(readFileSync(at('a.bu'), 'utf8')));
    const hash = `sha512-${createHash('sha512').update(ignition).digest('hex')}`;
    expect(json).toMatchObject({
      language: 'butane',
      ignition: { isWhole: true, sizeBytes: ignition.byteLength, hash },
    });
    expect(json).not.toHaveProperty('document');
  });

  it('gives the same bytes again', async () => {
    const [one, two] = [await butane(), await butane()];
    expect(two.stdout).toBe(one.stdout);
  });

  it('folds the Ignition document where room is short', async () => {
    expect((await butane({}, '--ignition', 'plain.ign')).exit).toBe(0);
    expect((await butane({}, '--ignition', 'folded.ign', '--compact')).exit).toBe(0);
    const [plain, folded] = ['plain.ign', 'folded.ign'].map((name) => readFileSync(at(name), 'utf8'));
    const document = JSON.parse(folded ?? '') as { ignition: { config: { replace: Parameters<typeof fetch>[0] } } };
    expect(fetch(document.ignition.config.replace)).toBe(plain);
    expect(folded?.length).toBeLessThan((plain?.length ?? 0) * 0.8);
    expect(folded?.length).toBeLessThan(16 * 1024);
  });

  it('cuts the pack down to node sets and what the policy pins, and the node is admitted by it', async () => {
    const { stdout, stderr } = await butane();
    const content = readButane(stdout).get('/var/lib/nodeproof/trust-pack.json')?.slice('0600 '.length) ?? '';
    const pack = parseTrustPack(Buffer.from(content));
    expect([pack.name, pack.version, pack.bundles.length, pack.revocations.length]).toEqual(['workers', 5, 1, 1]);
    expect([pack.trustedRoots.length, pack.publicKeys.length]).toEqual([0, 1]);
    expect(stderr).toMatch(/trust pack +1 of 4 bundles/);
    put('slim.json', content);
    const verify = ['node', 'verify', '--root', 'root', '--policy', 'policy.yaml', '--trust-pack', 'slim.json'];
    expect((await runCommandLine(verify, { directory: folder, now })).exit).toBe(0);
  });

  it('leaves in it what the policy wants', async () => {
    const { json } = await butane({ policy: 'wants-all.yaml' }, '--json');
    expect((json as Told).trustPack).toMatchObject({ bundles: 3, givenBundles: 4 });
  });

  it('merges into Butane, in Butane', async () => {
    const { json } = await butane({}, '--merge', 'user.bu', '--json');
    const { document = '', language, ignition } = json as Told;
    expect([language, ignition.isWhole]).toEqual(['butane', false]);
    expect(document).toMatch(/^# Ours\.\nvariant: flatcar\n/);
    expect(document).toContain('- path: /etc/hostname\n      mode: 0644\n');
    expect(document).toContain('- name: nodeproof-guard.service\n');
  });

  it('merges into Ignition, in Ignition', async () => {
    const { stdout, json } = await butane({}, '--merge', 'user.ign', '--out', 'merged.ign', '--json');
    const merged = readFileSync(at('merged.ign'), 'utf8');
    expect(merged).toMatch(
      /^\{"ignition":\{"version":"3\.3\.0"\},"passwd":\{"users":\[\{"name":"core"\}\]\},"storage":/,
    );
    expect(readIgnition(merged)).toEqual(readButane((await butane()).stdout));
    expect(stdout).toContain('"isWhole": true');
    expect((json as Told).ignition.sizeBytes).toBe(merged.length);
  });

  it('lets nodes fetch from stores', async () => {
    const { stdout } = await butane({}, '--from', 'oci:ghcr.io/acme/nodes', 'directory:/srv/nodes');
    const unit = readButane(stdout).get('/etc/systemd/system/nodeproof-refresh.service');
    expect(unit).toContain('--from "oci:ghcr.io/acme/nodes" --from "directory:/srv/nodes"');
    expect((await butane({ 'trust-pack': 'no-set.json' }, '--from', 'oci:ghcr.io/acme/nodes')).exit).toBe(0);
  });

  it.each<[string, Partial<typeof given>, readonly string[], string, number]>([
    ['a pack without a node set', { 'trust-pack': 'no-set.json' }, [], 'config.pack', 2],
    ['a pack without what the policy pins', { 'trust-pack': 'no-key.json' }, [], 'config.pack', 2],
    ['a pack that is none', { 'trust-pack': 'policy.yaml' }, [], 'json.syntax', 3],
    ['a policy that is none', { policy: 'pack.json' }, [], 'policy.field', 2],
    ['a program that is compressed', { binary: 'nodeproof.gz' }, [], 'config.program', 2],
    ['a program for other nodes', { policy: 'arm64.yaml' }, [], 'config.program', 2],
    ['a program that is not there', { binary: 'nowhere' }, [], 'file.missing', 4],
    ['an address of a file', { 'binary-url': 'file:///nodeproof' }, [], 'usage.binary-url', 2],
    ['content in place of an address', { 'binary-url': 'data:,x' }, [], 'usage.binary-url', 2],
    ['an address with a password', { 'binary-url': 'https://me:word@x.example/' }, [], 'usage.binary-url', 2],
    ['an address with a fragment', { 'binary-url': 'https://x.example/#a' }, [], 'usage.binary-url', 2],
    ['no address', { 'binary-url': 'nodeproof' }, [], 'usage.binary-url', 2],
    ['a store that is none', {}, ['--from', 'ftp:x'], 'usage.store', 2],
    ['a directory of this machine', {}, ['--from', 'directory:nodes'], 'usage.store', 2],
    ['a store that is lines of a unit', {}, ['--from', 'directory:/x\nExecStartPre=/bin/sh'], 'usage.store', 2],
    ['a document of the user that clashes', {}, ['--merge', 'clash.bu'], 'config.ignition-conflict', 2],
    ['a document that is none', {}, ['--merge', 'pack.json'], 'config.ignition-version', 2],
    ['a document that is not there', {}, ['--merge', 'nowhere'], 'file.missing', 4],
    ['a merged document in both languages', {}, ['--merge', 'user.bu', '--ignition', 'x.ign'], 'usage.merge', 2],
    ['a file that is there', {}, ['--out', 'policy.yaml'], 'usage.output', 2],
    ['one file for both', {}, ['--out', 'x', '--ignition', './x'], 'usage.output', 2],
    ['a directory that is not there', {}, ['--out', 'nowhere/x.bu'], 'file.write', 4],
  ])('refuses %s, and writes nothing', async (_, change, more, code, exit) => {
    const before = readdirSync(folder);
    const outcome = await butane(change, ...more);
    expect([outcome.code, outcome.exit, outcome.stdout]).toEqual([code, exit, '']);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('names the file and the entry that clashes, and what to do', async () => {
    const { stderr } = await butane({}, '--merge', 'clash.bu');
    expect(stderr).toContain('clash.bu: systemd.units[0]');
    expect(stderr).toContain('/etc/systemd/system/nodeproof-guard.service');
    expect(stderr).toMatch(/next: +Take systemd\.units\[0\] out/);
  });
});
