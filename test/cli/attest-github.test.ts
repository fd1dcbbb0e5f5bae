import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openSigner } from '../../pipeline/cli/signer.ts';
import { parseProvenance } from '../../pipeline/formats/slsa/index.ts';
import { parseStatement } from '../../pipeline/formats/statement/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { parseTrustedRootCandidate } from '../../pipeline/trust/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { runCommandLine } from '../support/command-line.ts';
import { openWorkshop, type Workshop } from '../support/demo-images.ts';
import {
  githubIssuer,
  type LoopbackOptions,
  type LoopbackSigstore,
  openLoopbackSigstore,
} from '../support/loopback-sigstore/index.ts';

const workflow = 'acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
const reusable = 'acme/builders/.github/workflows/attest.yml@refs/tags/v2';
const bundle = 'release-1.files.provenance.sigstore.json';
const run = {
  SOURCE_DATE_EPOCH: '1793534400',
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/node-images',
  GITHUB_SHA: '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261',
  GITHUB_RUN_ID: '9876543210',
  GITHUB_WORKFLOW_REF: workflow,
};

let workshop: Workshop;
let sigstore: LoopbackSigstore | undefined;
beforeAll(() => {
  workshop = openWorkshop();
  workshop.write('notes.txt', 'what changed');
  workshop.write('key.pem', makeKey());
});
afterAll(() => workshop[Symbol.dispose]());
afterEach(async () => {
  await sigstore?.[Symbol.asyncDispose]();
  sigstore = undefined;
});

/** A run that may ask for tokens. */
async function openRun(options: LoopbackOptions = {}): Promise<Record<string, string>> {
  sigstore = await openLoopbackSigstore(options);
  workshop.write('signing-config.json', JSON.stringify(sigstore.signingConfig));
  workshop.write('trusted-root.json', JSON.stringify(sigstore.trustedRoot));
  const { requestUrl, requestToken } = sigstore.ambient;
  return { ...run, ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken };
}

const attest = (environment: Readonly<Record<string, string>>, ...args: string[]) =>
  runCommandLine(['attest', '--name', 'release-1', '--json', ...args], { directory: workshop.directory, environment });
const file = ['--subject', 'notes.txt'];
const unread = ['--image', 'nowhere.bin', '--out', 'refused'];
const ownServices = ['--signing-config', 'signing-config.json', '--trusted-root', 'trusted-root.json'];

function provenanceIn(directory: string) {
  const { content } = parseBundle(readFileSync(workshop.path(`${directory}/${bundle}`)));
  if (content.kind !== 'envelope') throw new Error('Cannot read a message signature');
  return parseProvenance(parseStatement(content.envelope.payload).predicate);
}

describe('attest in a GitHub workflow', () => {
  it('names the reusable workflow as builder, though a key signs, where the job may ask for a token', async () => {
    const environment = await openRun({ claims: { job_workflow_ref: reusable } });
    const { exit, stdout } = await attest(environment, ...file, '--key', 'key.pem', '--out', 'by-key');
    expect(exit).toBe(0);
    expect(sigstore?.calls).toMatchObject({ ambient: 1, fulcio: 0 });
    expect(provenanceIn('by-key')).toMatchObject({
      buildDefinition: {
        externalParameters: { context: { workflow: { path: '.github/workflows/release.yml' } } },
        internalParameters: { github: { repository_id: '700700700', caller_workflow_ref: workflow } },
        resolvedDependencies: [
          {
            uri: 'git+https://github.com/acme/node-images@refs/tags/v4593.2.5',
            digest: { gitCommit: run.GITHUB_SHA },
            annotations: { nodeproof_verified: false },
          },
        ],
      },
      runDetails: {
        builder: { id: `https://github.com/${reusable}` },
        metadata: { invocationId: 'https://github.com/acme/node-images/actions/runs/9876543210/attempts/1' },
      },
    });
    for (const name of readdirSync(workshop.path('by-key')))
      expect([name, /eyJ[\w-]+\.eyJ/.test(readFileSync(workshop.path(`by-key/${name}`), 'utf8'))]).toEqual([
        name,
        false,
      ]);
    expect(stdout).not.toContain('eyJ');
  });

  it('names the workflow that was started where a key signs and the job may ask for none', async () => {
    expect((await attest(run, ...file, '--key', 'key.pem', '--out', 'no-token')).exit).toBe(0);
    expect(provenanceIn('no-token').runDetails.builder.id).toBe(`https://github.com/${workflow}`);
  });

  it('adds a build context file to the run, and refuses one that names another builder', async () => {
    const environment = await openRun();
    const args = [...file, '--key', 'key.pem', '--build-context', 'context.json'];
    workshop.write('context.json', JSON.stringify({ externalParameters: { board: 'amd64-usr' } }));
    expect((await attest(environment, ...args, '--out', 'added')).exit).toBe(0);
    const { buildDefinition, runDetails } = provenanceIn('added');
    expect(buildDefinition.externalParameters['context']).toMatchObject({ board: 'amd64-usr', workflow: {} });
    expect(runDetails.builder.id).toBe(`https://github.com/${workflow}`);
    workshop.write('context.json', JSON.stringify({ builderId: 'https://ci.example.org/b' }));
    expect(await attest(environment, ...args, '--out', 'refused')).toMatchObject({
      exit: 2,
      code: 'config.github-context',
    });
  });

  it.each([
    ['repository', { repository: 'mallory/node-images' }],
    ['commit', { sha: 'f'.repeat(40) }],
    ['run', { run_id: '1' }],
  ])('refuses a token of another %s before it reads an image', async (_, claims) => {
    const environment = await openRun({ claims });
    for (const signer of [['--key', 'key.pem'], ownServices])
      expect(await attest(environment, ...unread, ...signer)).toMatchObject({ exit: 2, code: 'config.github-context' });
    expect(sigstore?.calls.fulcio).toBe(0);
    expect(existsSync(workshop.path('refused'))).toBe(false);
  });

  it('says which permission the job misses before it reads an image', async () => {
    const outcome = await attest(run, ...unread);
    expect(outcome).toMatchObject({ exit: 2, code: 'usage.identity-token' });
    expect(outcome.stdout).toContain('Give the job permissions: id-token: write');
  });

  it('is refused on a server that has no Sigstore, unless a key or other services sign', async () => {
    const environment = { ...run, GITHUB_SERVER_URL: 'https://ghes.example.org' };
    const outcome = await attest(environment, ...unread);
    expect(outcome).toMatchObject({ exit: 2, code: 'config.sigstore' });
    expect(outcome.stdout).toContain('--signing-config');
    expect((await attest(environment, ...file, '--key', 'key.pem', '--out', 'ghes')).exit).toBe(0);
  });

  it.each([
    ['an instance that is none', ['--sigstore', 'private']],
    ['an instance and a key', ['--sigstore', 'github', '--key', 'key.pem']],
    ['an instance and other services', ['--sigstore', 'public-good', ...ownServices]],
  ])('refuses %s', async (_, args) => {
    expect(await attest(await openRun(), ...unread, ...args)).toMatchObject({ exit: 2, code: 'usage.sigstore' });
  });
});

describe('the signer of a GitHub workflow', () => {
  const none = { key: undefined, 'identity-token': undefined, 'signing-config': undefined, sigstore: undefined };
  const silent = { write: () => undefined, isTerminal: false };
  const open = (environment: Record<string, string>, options: Partial<Record<keyof typeof none, string>> = {}) =>
    openSigner(
      { ...none, ...options },
      { directory: workshop.directory, environment, now: () => new Date(), stdout: silent, stderr: silent },
    );
  const eventOf = (visibility: string) => {
    workshop.write('event.json', JSON.stringify({ repository: { visibility } }));
    return { GITHUB_EVENT_PATH: workshop.path('event.json') };
  };

  it("is certified by Sigstore's public instance for a public repository, whose root ships with us", async () => {
    const { signer, trustedRoots, notes } = await open({ ...(await openRun()), ...eventOf('public') });
    expect(signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.sigstore.dev' });
    expect([trustedRoots.length, notes]).toEqual([1, []]);
  });

  it.each([
    ['the event says private', 'private', 'public'],
    ['the token says private', 'public', 'private'],
    ['the event cannot be read and the token says internal', undefined, 'internal'],
  ])("is certified by GitHub's own where %s, whose root does not", async (_, event, token) => {
    const environment = await openRun({ claims: { repository_visibility: token } });
    const known = event === undefined ? { GITHUB_EVENT_PATH: '/nowhere' } : eventOf(event);
    const { signer, trustedRoots, notes } = await open({ ...environment, ...known });
    expect(signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.githubapp.com' });
    expect([trustedRoots.length, notes.length]).toEqual([0, 1]);
  });

  it('is the one that was asked for', async () => {
    const environment = { ...(await openRun()), ...eventOf('private') };
    const asked = await open(environment, { sigstore: 'public-good' });
    expect(asked.signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.sigstore.dev' });
    const other = await open({ ...environment, ...eventOf('public') }, { sigstore: 'github' });
    expect(other.signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.githubapp.com' });
  });

  it('does not take the token of a private repository to a public log outside of GitHub either', async () => {
    sigstore = await openLoopbackSigstore();
    const hidden = await open({}, { 'identity-token': sigstore.token({ repository_visibility: 'private' }) });
    expect(hidden.signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.githubapp.com' });
    const seen = await open({}, { 'identity-token': sigstore.token() });
    expect(seen.signer.by).toMatchObject({ certificateAuthority: 'https://fulcio.sigstore.dev' });
  });
});

describe("a signature by an instance like GitHub's own, without a log", () => {
  const now = new Date();
  const days = (count: number) => new Date(now.getTime() + count * 86_400_000).toISOString();

  function policyOf(thresholds: object | undefined): string {
    const { sha256 } = parseTrustedRootCandidate(readFileSync(workshop.path('trusted-root.json')));
    const root = {
      name: 'github',
      sha256,
      issuers: [githubIssuer],
      ...(thresholds === undefined ? {} : { thresholds }),
    };
    const github = {
      repository: { name: 'acme/node-images', id: 700700700 },
      owner: { name: 'acme', id: 40404040 },
      builder: `https://github.com/${workflow}`,
      caller: `https://github.com/${workflow}`,
      ref: 'refs/tags/v*',
    };
    return stringify({
      apiVersion: 'nodeproof.dev/policy/v1',
      name: 'private',
      version: 1,
      issuedAt: days(-1),
      expiresAt: days(30),
      trust: { roots: [root] },
      signers: [{ name: 'release', root: 'github', github }],
      allow: { 'node-set': ['release'], provenance: ['release'] },
      require: { provenance: true },
      slsa: { builders: [{ id: github.builder, level: 3, signers: ['release'] }], minimumLevel: 3 },
      node: { os: { id: 'flatcar' } },
    });
  }

  const verify = (policy: string, path: string) => {
    workshop.write('policy.yaml', policy);
    const args = ['verify', 'notes.txt', '--policy', 'policy.yaml', '--bundle', path];
    return runCommandLine([...args, '--trusted-root', 'trusted-root.json'], { directory: workshop.directory });
  };

  it('is admitted by its timestamp where the policy wants no log, and else refused', async () => {
    const environment = await openRun({ rekor: 'none', ctLog: false, claims: { repository_visibility: 'private' } });
    const made = await attest(environment, ...file, ...ownServices, '--out', 'private');
    expect(made).toMatchObject({ exit: 0, json: { verified: true } });
    const signed = JSON.parse(readFileSync(workshop.path(`private/${bundle}`), 'utf8')) as {
      verificationMaterial: { tlogEntries?: object[]; timestampVerificationData: object };
    };
    expect(signed.verificationMaterial.tlogEntries ?? []).toEqual([]);
    const withoutLog = policyOf({ tlog: 0, sct: 0, timestamps: 1 });
    expect((await verify(withoutLog, `private/${bundle}`)).exit).toBe(0);
    expect((await verify(policyOf(undefined), `private/${bundle}`)).exit).toBe(3);
    signed.verificationMaterial.timestampVerificationData = {};
    workshop.write('timeless.sigstore.json', JSON.stringify(signed));
    expect((await verify(withoutLog, 'timeless.sigstore.json')).exit).toBe(3);
  });
});
