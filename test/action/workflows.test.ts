import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { createCleartextMessage, generateKey, sign } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { Digest } from '../../pipeline/core/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { parseProvenance } from '../../pipeline/formats/slsa/index.ts';
import { parseStatement } from '../../pipeline/formats/statement/index.ts';
import { parseTrustedRootCandidate } from '../../pipeline/trust/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { checkout } from '../house/sources.ts';
import { demo, readDemoImage } from '../support/demo-images.ts';
import { type LoopbackGithub, openLoopbackGithub, token } from '../support/loopback-github/index.ts';
import { type LoopbackRegistry, openLoopbackRegistry } from '../support/loopback-registry.ts';
import { githubIssuer, type LoopbackSigstore, openLoopbackSigstore } from '../support/loopback-sigstore/index.ts';
import { runStep, type StepOutcome } from './run-action.ts';

/** Workflows as GitHub reads them, as far as these tests look. */
type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | boolean>>;
};
type Job = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly strategy?: { readonly matrix: { readonly include: readonly Readonly<Record<string, string>>[] } };
  readonly steps?: readonly Step[];
  readonly uses?: string;
};
type Workflow = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
};

const folder = join(checkout, 'samples/workflows');
const names = readdirSync(folder).sort();
const readWorkflow = (name: string): Workflow => parse(readFileSync(join(folder, name), 'utf8')) as Workflow;
const isOurs = ({ uses = '' }: Step): boolean => uses.startsWith('nodeproof/nodeproof@');

describe.each(names)('The workflow %s', (name) => {
  const workflow = readWorkflow(name);

  test('pins every action by its commit and says which version that is', () => {
    const text = readFileSync(join(folder, name), 'utf8');
    const pins = [...text.matchAll(/uses: (\S+)(.*)$/gm)];
    expect(pins.length).toBeGreaterThan(0);
    for (const [, uses, rest] of pins) {
      expect(uses).toMatch(/^[\w./-]+@[0-9a-f]{40}$/);
      expect(rest).toMatch(/^ # v\d+/);
    }
  });

  test('gives no permission to all jobs, and to each job only what it needs', () => {
    expect(workflow.permissions).toEqual({});
    for (const { permissions, steps = [], uses } of Object.values(workflow.jobs)) {
      expect(permissions).toBeDefined();
      const given = Object.keys(permissions ?? {});
      const signs = steps.some((step) => isOurs(step) && step.with?.['mode'] === undefined) || uses !== undefined;
      expect(given.includes('id-token')).toBe(signs);
    }
  });
});

test('The signing job of the trusted builder runs no code of the built repository', () => {
  const { sign: job, build } = readWorkflow('trusted-builder.yml').jobs;
  expect(job?.environment).toBe('release');
  expect(job?.steps?.map(({ run }) => run)).toEqual(job?.steps?.map(() => undefined));
  expect(job?.steps?.filter(({ uses = '' }) => uses.startsWith('actions/checkout@'))).toEqual([]);
  expect(Object.values(build?.permissions ?? {})).toEqual(['read']);
});

const workspace = makeTemporaryFolder();
const tag = 'v4593.2.5';
const builderWorkflow = `acme/trusted-builder/.github/workflows/trusted-builder.yml@${'3f1c0a9b'.repeat(5)}`;
let sigstore: LoopbackSigstore;
let builderSigstore: LoopbackSigstore;
let github: LoopbackGithub;
let registry: LoopbackRegistry;
let usr: Buffer;
let signingKey: Awaited<ReturnType<typeof makeOpenpgpKey>>;
beforeAll(async () => {
  const claims = { repository: 'acme/nodes' };
  sigstore = await openLoopbackSigstore({ rekor: 'v2', claims });
  builderSigstore = await openLoopbackSigstore({
    rekor: 'v2',
    claims: { ...claims, job_workflow_ref: builderWorkflow },
  });
  github = await openLoopbackGithub();
  github.tags.add(tag);
  registry = await openLoopbackRegistry();
  usr = readDemoImage(demo.image).subarray(40_960 * 512, 40_960 * 512 + 26 * 1024 * 1024);
  signingKey = await makeOpenpgpKey();
});
afterAll(async () => {
  for (const server of [sigstore, builderSigstore, github, registry]) await server[Symbol.asyncDispose]();
});

async function makeOpenpgpKey() {
  const key = await generateKey({
    userIDs: [{ name: 'Buildbot', email: 'buildbot@example.org' }],
    date: new Date('2026-01-01T00:00:00Z'),
    format: 'object',
  });
  return { privateKey: key.privateKey, armored: key.publicKey.armor() };
}

/** What the steps before ours have made. */
function place(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(join(workspace, path)), { recursive: true });
  writeFileSync(join(workspace, path), content);
}

beforeAll(() => place('keys/flatcar-image-signing-key.asc', signingKey.armored));

function cleanWorkspace(...paths: readonly string[]): void {
  for (const path of paths) rmSync(join(workspace, path), { recursive: true, force: true });
}

type Context = {
  readonly values: Readonly<Record<string, string>>;
  readonly sigstore: LoopbackSigstore;
  /** Inputs that a runner without GitHub's and Sigstore's own services needs. */
  readonly more?: Readonly<Record<string, string>>;
};

/** Expressions as the runner resolves them; one that the test does not know is an error. */
function resolveExpressions(text: string, values: Context['values']): string {
  return text.replaceAll(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, name: string) => {
    const value = { 'github.ref_name': tag, 'github.repository': 'acme/nodes', ...values }[name];
    if (value === undefined) throw new Error(`Cannot resolve ${name}`);
    return value;
  });
}

/** Runs our step of a workflow through the committed bundle: loopback servers stand for the public ones. */
async function runOurs(step: Step | undefined, context: Context): Promise<StepOutcome> {
  const given = Object.entries(step?.with ?? {}).map(
    ([name, value]) => [name, resolveExpressions(String(value), context.values)] as const,
  );
  const inputs = Object.fromEntries(given);
  const signs = inputs['mode'] === undefined;
  place('signing-config.json', JSON.stringify(context.sigstore.signingConfig));
  place('trusted_root.json', JSON.stringify(context.sigstore.trustedRoot));
  const services = signs ? { 'signing-config': 'signing-config.json' } : {};
  return await runStep({
    inputs: {
      'github-token': token,
      'trusted-root': 'trusted_root.json',
      ...services,
      ...inputs,
      ...(inputs['registry'] === undefined ? {} : { registry: registry.repository }),
      ...context.more,
    },
    workspace,
    environment: {
      GITHUB_REPOSITORY: 'acme/nodes',
      GITHUB_WORKFLOW_REF: `acme/nodes/.github/workflows/release.yml@refs/tags/${tag}`,
      GITHUB_API_URL: github.origin,
      ACTIONS_ID_TOKEN_REQUEST_URL: context.sigstore.ambient.requestUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: context.sigstore.ambient.requestToken,
    },
  });
}

const ourStep = (workflow: Workflow, job: string): Step | undefined => workflow.jobs[job]?.steps?.find(isOurs);

function provenanceIn(directory: string, artifact: string) {
  const bytes = readFileSync(join(workspace, directory, `${artifact}.provenance.sigstore.json`));
  const { content } = parseBundle(bytes);
  if (content.kind !== 'envelope') throw new Error('want a statement');
  return parseProvenance(parseStatement(content.envelope.payload).predicate);
}

/** Admits what a workflow of acme/nodes signed, or the trusted builder for it. */
function policyFor(trustedRoot: object, builder: string): object {
  const { sha256 } = parseTrustedRootCandidate(Buffer.from(JSON.stringify(trustedRoot)));
  const caller = `https://github.com/acme/nodes/.github/workflows/release.yml@refs/tags/${tag}`;
  const thresholds = { tlog: 1, sct: 1, timestamps: 1 };
  return {
    apiVersion: 'nodeproof.dev/policy/v1',
    name: 'nodes',
    version: 1,
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2099-01-01T00:00:00Z',
    trust: { roots: [{ name: 'private', sha256, issuers: [githubIssuer], thresholds }] },
    signers: [
      {
        name: 'release',
        root: 'private',
        github: {
          repository: { name: 'acme/nodes', id: 700700700 },
          owner: { name: 'acme', id: 40404040 },
          builder,
          caller,
          ref: 'refs/tags/v*',
        },
      },
    ],
    allow: { 'node-set': ['release'], provenance: ['release'], sbom: ['release'] },
    require: { provenance: true, sbom: true },
    slsa: { minimumLevel: 3, builders: [{ id: builder, level: 3, signers: ['release'] }] },
    node: { os: { id: 'flatcar' } },
  };
}

describe('The step of', () => {
  const nodes = (): readonly string[] => github.releases.flatMap(({ assets }) => assets.map(({ name }) => name)).sort();

  test('flatcar-release attests each architecture, checks the lists of the image maker and fills one draft', async () => {
    const workflow = readWorkflow('flatcar-release.yml');
    github.releases.push({ id: github.nextId++, tag, isDraft: true, isImmutable: false, assets: [] });
    for (const matrix of workflow.jobs['attest']?.strategy?.matrix.include ?? []) {
      const values = Object.fromEntries([
        ...Object.entries(matrix).map(([name, value]) => [`matrix.${name}`, value]),
        ['env.FLATCAR', '4593.2.5'],
        ['env.KUBERNETES', 'v1.34.2'],
      ]) as Record<string, string>;
      const step = ourStep(workflow, 'attest');
      const input = (name: string): string => resolveExpressions(String(step?.with?.[name] ?? ''), values);
      // Each architecture has bytes of its own.
      const image = Buffer.from(usr);
      const shipped = zstdCompressSync(image, {});
      place(input('image'), image);
      place(input('shipped'), Buffer.concat([shipped, skippable(matrix['architecture'] ?? '')]));
      const sysext = input('sysext')
        .replace(/^[^=]*=/, '')
        .replace('*', `v1.34.2-${matrix['architecture']}`);
      const kubernetes = readDemoImage(demo.kubernetes);
      place(sysext, kubernetes);
      const digest = Digest.of('sha512', readFileSync(join(workspace, input('shipped')))).hex;
      const message = await createCleartextMessage({
        text: `# SHA512 HASH\n${digest}  flatcar_production_image.bin.bz2\n`,
      });
      const date = new Date('2026-10-01T00:00:00Z');
      const list = await sign({ message, signingKeys: signingKey.privateKey, date });
      place('upstream/flatcar_production_image.bin.bz2.DIGESTS.asc', list);
      place('upstream/SHA256SUMS', `${Digest.of('sha256', kubernetes).hex}  ${sysext}\n`);
      const set = input('node-set-name');
      const { exit, errors, warnings, summary } = await runOurs(step, {
        values,
        sigstore,
        more: { 'bundle-dir': set },
      });
      expect([exit, errors]).toEqual([0, []]);
      // The bakery signs nothing, and that is said.
      expect(warnings.join('\n')).toContain('SHA256SUMS is signed by nobody');
      expect(summary).toContain(`# Node set \`${set}\``);
      expect(summary).toContain('gh attestation verify');
      const { buildDefinition } = provenanceIn(set, input('image'));
      const listed = buildDefinition.resolvedDependencies?.find(
        ({ annotations }) => annotations?.['openpgpFingerprint'] !== undefined,
      );
      expect(listed?.annotations?.['nodeproof_verified']).toBe(true);
      cleanWorkspace('upstream', input('image'), input('shipped'), sysext);
    }
    const [release, ...others] = github.releases;
    expect(others).toEqual([]);
    expect(release?.isDraft).toBe(true);
    for (const architecture of ['x86-64', 'arm64'])
      expect(nodes()).toContain(`workers-${tag}-${architecture}.node-set.sigstore.json`);
    expect(nodes().filter((name) => name.endsWith('SHA256SUMS'))).toHaveLength(2);
    expect(github.attestations.length).toBeGreaterThan(0);
    expect([...registry.tags.keys()].some((name) => name.startsWith('node-set-'))).toBe(true);
  });

  test('sysext-release attests sysexts without an image and publishes the release', async () => {
    github.releases.length = 0;
    place('out/falco.raw', readDemoImage(demo.falco));
    place('out/falco.conf', '[Transfer]\n');
    const step = ourStep(readWorkflow('sysext-release.yml'), 'release');
    const { exit, errors, outputs } = await runOurs(step, { values: {}, sigstore });
    expect([exit, errors]).toEqual([0, []]);
    expect(outputs['node-set']).toBe('');
    // SBOM and provenance of the sysext, provenance of the other file; assets of the release have ids of another kind.
    const ids = github.attestations.map(({ id }) => String(id));
    expect(outputs['attestation-ids']?.split('\n')).toEqual(ids.slice(-3));
    for (const url of outputs['attestation-urls']?.split('\n') ?? [])
      expect(url).toContain('/acme/nodes/attestations/');
    expect(github.releases.map(({ isDraft }) => isDraft)).toEqual([false]);
    expect(nodes()).toContain('falco.raw.provenance.sigstore.json');
    cleanWorkspace('out');
  });

  test('trusted-builder signs as the reusable workflow, and verify-before-use admits what it made', async () => {
    github.releases.length = 0;
    github.attestations.length = 0;
    place('out/flatcar.bin', usr);
    place('out/falco.raw', readDemoImage(demo.falco));
    const step = ourStep(readWorkflow('trusted-builder.yml'), 'sign');
    const values = { 'inputs.node-set-name': `workers-${tag}` };
    const made = await runOurs(step, { values, sigstore: builderSigstore, more: { 'bundle-dir': 'trusted' } });
    expect([made.exit, made.errors]).toEqual([0, []]);
    expect(provenanceIn('trusted', 'flatcar.bin').runDetails.builder.id).toBe(`https://github.com/${builderWorkflow}`);

    // Elsewhere, from nothing but the files of the release.
    const assets = github.releases[0]?.assets ?? [];
    for (const { name, bytes } of assets.filter((asset) => /\.(?:bin|raw)$/.test(asset.name)))
      place(`release/${name}`, bytes);
    place(
      'policies/nodes.yaml',
      stringify(policyFor(builderSigstore.trustedRoot, `https://github.com/${builderWorkflow}`)),
    );
    const verify = ourStep(readWorkflow('verify-before-use.yml'), 'roll-out');
    const context = { values: { 'inputs.tag': tag }, sigstore: builderSigstore };
    const admitted = await runOurs(verify, context);
    expect([admitted.exit, admitted.errors, admitted.outputs['verdict']]).toEqual([0, [], 'admit']);

    const changed = Buffer.from(usr);
    changed[changed.byteLength - 1]! ^= 1;
    place('release/flatcar.bin', changed);
    const refused = await runOurs(verify, context);
    expect([refused.exit, refused.outputs['verdict']]).toEqual([1, 'refuse']);
    place('release/flatcar.bin', usr);
    place(
      'policies/nodes.yaml',
      stringify(
        policyFor(builderSigstore.trustedRoot, 'https://github.com/acme/other/.github/workflows/x.yml@refs/heads/main'),
      ),
    );
    expect((await runOurs(verify, context)).outputs['verdict']).toBe('refuse');
    cleanWorkspace('out', 'release', 'trusted');
  });

  test('the README makes a release that its second step admits', async () => {
    github.releases.length = 0;
    github.attestations.length = 0;
    const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```yaml action\n([\s\S]*?)^```$/gm)].map(
      ([, block]) => parse(block ?? '') as Job,
    );
    const [attest, verify] = blocks.map(({ steps }) => steps?.find(isOurs));
    expect(blocks).toHaveLength(2);
    place('flatcar_production_image.bin', usr);
    place(demo.kubernetes, readDemoImage(demo.kubernetes));
    const release = `https://github.com/acme/nodes/.github/workflows/release.yml@refs/tags/${tag}`;
    place('policy.yaml', stringify(policyFor(sigstore.trustedRoot, release)));
    const made = await runOurs(attest, { values: {}, sigstore });
    expect([made.exit, made.errors]).toEqual([0, []]);
    const { exit, errors, outputs } = await runOurs(verify, { values: {}, sigstore });
    expect([exit, errors, outputs['verdict']]).toEqual([0, [], 'admit']);
  });
});

/** A skippable frame (RFC 8878 §3.1.2): another file, the same content. */
function skippable(text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}
