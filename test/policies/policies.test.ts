import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { runNodeproof } from '../../pipeline/cli/program.ts';
import { type Case, loadCases, openCaseRunner } from '../../pipeline/cli/cases/index.ts';
import { encodePreAuthentication, inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { explainPolicy, lintPolicy, parsePolicy, type Policy } from '../../pipeline/policy/index.ts';

const folder = join(import.meta.dirname, '../../policies');
const samples = join(import.meta.dirname, '../../samples/demo');
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-policies-test-'));
const runner = openCaseRunner(new Date('2026-11-20T00:00:00Z'));
afterAll(async () => {
  await runner[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const now = new Date('2026-11-20T00:00:00Z');

function load(name: string): Policy {
  return parsePolicy(readFileSync(join(folder, name))).policy;
}

function lints(name: string): readonly string[] {
  return lintPolicy(load(name), now)
    .map((lint) => lint.code)
    .sort();
}

function explained(name: string): string {
  return explainPolicy(load(name))
    .flatMap((section) => section.sentences)
    .join('\n');
}

type Fields = Readonly<Record<string, unknown>>;

/** An example with the demo's own root in the place of the public-good one: what it says can then be tried. */
function onDemoRoot(name: string): string {
  const policy = parse(readFileSync(join(folder, name), 'utf8')) as {
    readonly trust: { readonly roots: readonly Fields[] };
  };
  const demo = parse(readFileSync(join(samples, 'policy.yaml'), 'utf8')) as typeof policy;
  const [github] = demo.trust.roots;
  const [own] = policy.trust.roots;
  const { builtin: _, ...pin } = { ...own, sha256: github?.['sha256'] } as Fields;
  const path = join(scratch, name);
  writeFileSync(path, stringify({ ...policy, trust: { roots: [pin] } }));
  return path;
}

const cases = new Map(loadCases(join(samples, 'cases')).map((one) => [one.name, one]));

/** Tries a case of the demo under an example policy, with the example's fields changed. */
async function tryUnder(name: string, caseName: string, changes: Partial<Case['file']> = {}) {
  const one = cases.get(caseName);
  if (one === undefined) throw new TypeError(`no case ${caseName}`);
  const base = { ...one.base, policy: onDemoRoot(name) };
  const { verdict, findings } = await runner.run({ ...one, base, file: { ...one.file, policy: {}, ...changes } });
  return { verdict, codes: findings.map((finding) => finding.code) };
}

describe('Each example policy', () => {
  test.each(names)('%s is usable, is written down as it is named, and is explained', (name) => {
    const policy = load(name);
    expect(policy.name).toMatch(/^[a-z-]+$/);
    const text = readFileSync(join(folder, name), 'utf8');
    expect(text).toMatch(/^# .{40,}/);
    expect(text.split('\n').filter((line) => line.trim().startsWith('#')).length).toBeGreaterThan(3);
    for (const { sentences } of explainPolicy(policy)) {
      for (const sentence of sentences) expect(sentence).toMatch(/^[^ ].*\.$/);
      for (const sentence of sentences) expect(sentence).not.toMatch(/undefined|\[object/);
    }
  });
});

describe('production.yaml', () => {
  const name = 'production.yaml';
  const node = (changes: Partial<Case['file']> = {}) => tryUnder(name, 'honest-node', changes);

  test('has nothing to warn of but what plain sysexts leave open', () => {
    expect(lints(name)).toEqual(['policy.sysext-claimed']);
  });

  test('admits the node that runs the signed release', async () => {
    expect(await node()).toEqual({ verdict: 'admit', codes: [] });
  });

  test('admits nobody any more once it expired', async () => {
    expect((await node({ at: '2027-05-01T00:00:00Z' })).codes).toContain('policy.expired');
  });

  test('counts no certificate of another issuer under its root', async () => {
    const outcome = await node({ policy: { trust: { roots: [] } } });
    expect(outcome.verdict).toBe('refuse');
  });

  test.each([
    ['bundle-of-taken-over-name', 'signer.repository-id'],
    ['bundle-of-reusable-workflow', 'signer.caller'],
    ['bundle-of-pull-request', 'signer.trigger'],
    ['bundle-of-self-hosted-runner', 'signer.runner-environment'],
    ['provenance-hidden', 'attestation.hidden'],
    ['sboms-hidden', 'attestation.hidden'],
    ['release-below-floor', 'os.version-floor'],
    ['usr-without-verity', 'usr.no-verity'],
    ['boot-init-replaced', 'command-line.denied'],
    ['boot-argument-unlisted', 'command-line.unlisted'],
    ['sysext-extra-raw', 'sysext.extra'],
    ['sysext-waiting-for-next-merge', 'extension.not-merged'],
    ['no-bundle', 'trust-pack.missing'],
  ])('refuses as its comments say: %s', async (caseName, code) => {
    const { verdict, codes } = await tryUnder(name, caseName);
    expect(verdict).toBe('refuse');
    expect(codes).toContain(code);
  });

  test('wants a worker, with Kubernetes, and no control plane', async () => {
    expect((await node({ policy: { node: { role: 'control-plane' } } })).codes).toContain('node-set.role');
    expect((await node({ policy: { node: { sysexts: { required: ['falco', 'gvisor'] } } } })).codes).toEqual([
      'sysext.required',
    ]);
  });

  test('takes plain sysexts until requireVerity is switched on', async () => {
    expect((await node({ policy: { node: { sysexts: { requireVerity: true } } } })).codes).toContain(
      'extension.no-verity',
    );
  });

  test('takes a pack of a month, and no older one', async () => {
    expect((await node({ at: '2026-12-01T00:00:00Z' })).verdict).toBe('admit');
    expect((await node({ at: '2026-12-02T00:00:00Z' })).codes).toEqual(['trust-pack.too-old']);
  });

  test('takes a release back by its version', async () => {
    const revocations = [{ versionId: '4593.2.5', why: 'taken back' }];
    expect((await node({ policy: { revocations } })).codes).toEqual(['revoked.version']);
  });

  test('counts a revocation only from the deployment environment that it names', async () => {
    // The demo's revocation was signed on a tag and in no environment.
    const outcome = await tryUnder(name, 'release-revoked-by-statement');
    expect(outcome.verdict).toBe('admit');
  });

  test('gives a level to its own builder alone', async () => {
    const builders = [{ id: 'https://github.com/acme/node-images/**', level: 3, signers: ['revoke'] }];
    expect((await node({ policy: { slsa: { builders } } })).codes).toContain('slsa.builder');
  });

  test('is explained with its ids, its environment and its builder', () => {
    const text = explained(name);
    for (const words of [
      'id 123456789',
      'id 987654',
      'in environment revoke',
      'level 3, where release signed',
      '4593.2.1',
    ])
      expect(text).toContain(words);
  });
});

describe('members.yaml', () => {
  const name = 'members.yaml';

  test.each([
    ['honest-node', 'admit', []],
    ['members-kubernetes-updated', 'admit', []],
    ['members-kubernetes-not-attested', 'refuse', ['sysext.unattested']],
    ['members-kubernetes-by-another-signer', 'refuse', ['signer.repository', 'sysext.unattested']],
    ['sysext-ddi-swapped', 'refuse', ['sysext.unattested']],
    ['sysext-extra-raw', 'refuse', ['sysext.unlisted']],
    ['members-unknown-system', 'refuse', ['node-set.none']],
  ] as const)('of %s says %s', async (caseName, verdict, codes) => {
    const outcome = await tryUnder(name, caseName);
    expect(outcome.verdict).toBe(verdict);
    for (const code of codes) expect(outcome.codes).toContain(code);
  });

  test('refuses an attested sysext that no list names', async () => {
    const policy = { node: { sysexts: { allowed: ['containerd-flatcar', 'docker-flatcar'] } } };
    expect((await tryUnder(name, 'honest-node', { policy })).codes).toEqual(['sysext.unlisted']);
  });

  test('is explained name by name', () => {
    expect(explained(name)).toContain(
      'Sysext kubernetes on its own counts if its provenance is signed by kubernetes-builds.',
    );
  });
});

describe('audit.yaml', () => {
  const name = 'audit.yaml';

  test('is warned of in every place where it is lax', () => {
    expect(lints(name)).toEqual([
      'policy.name-only',
      'policy.no-floor',
      'policy.ref',
      'policy.sysext-claimed',
      'policy.waiver',
    ]);
  });

  test('admits what production admits, a branch, a taken-over name and an argument that no grammar has', async () => {
    expect((await tryUnder(name, 'honest-node')).verdict).toBe('admit');
    expect((await tryUnder(name, 'boot-argument-unlisted')).verdict).toBe('admit');
    expect((await tryUnder(name, 'bundle-of-branch')).verdict).toBe('admit');
    expect((await tryUnder(name, 'bundle-of-taken-over-name')).verdict).toBe('admit');
  });

  test('refuses a replaced init, other repositories and other workflows all the same', async () => {
    expect((await tryUnder(name, 'boot-init-replaced')).codes).toContain('command-line.denied');
    expect((await tryUnder(name, 'bundle-of-fork')).codes).toContain('signer.repository');
    expect((await tryUnder(name, 'bundle-of-other-workflow')).codes).toContain('signer.builder');
  });

  test('waives verity of /usr until its day, and wants a signed identity even so', async () => {
    const before = await tryUnder(name, 'usr-without-verity');
    expect(before.codes).not.toContain('usr.no-verity');
    expect(before.codes).toContain('node-set.none');
    const after = await tryUnder(name, 'usr-without-verity', { at: '2027-02-01T00:00:00Z' });
    expect(after.codes).toContain('usr.no-verity');
  });

  test('shouts what it waives when it is explained', () => {
    const text = explained(name);
    expect(text).toContain('ANY ID');
    expect(text).toMatch(/WAIVED until 2027-02-01T00:00:00Z: .*network-booted/);
  });
});

describe('lab-key.yaml', () => {
  const name = 'lab-key.yaml';
  const lab = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = write('release.pub', lab.publicKey.export({ type: 'spki', format: 'pem' }).toString());

  function write(file: string, text: string): string {
    const path = join(scratch, file);
    writeFileSync(path, text);
    return path;
  }

  /** The demo's node set, signed anew with a key, as `attest --key` does it. */
  function signNodeSet(key = lab.privateKey): string {
    const pack = JSON.parse(readFileSync(join(samples, 'release/workers-4593.2.5.trust-pack.json'), 'utf8')) as {
      readonly bundles: readonly { readonly dsseEnvelope: { readonly payload: string } }[];
    };
    const payload = pack.bundles
      .map((bundle) => Buffer.from(bundle.dsseEnvelope.payload, 'base64'))
      .find((bytes) => bytes.includes('attestation/node-set/v1'));
    if (payload === undefined) throw new TypeError('no node set in the pack');
    const sig = sign('sha256', encodePreAuthentication(inTotoPayloadType, payload), key).toString('base64');
    const bundle = {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: 'lab' } },
      dsseEnvelope: { payload: payload.toString('base64'), payloadType: inTotoPayloadType, signatures: [{ sig }] },
    };
    return write('lab.sigstore.json', JSON.stringify(bundle));
  }

  async function shownPin(): Promise<string> {
    const output: string[] = [];
    await runNodeproof(['trust', 'show', 'release.pub'], {
      directory: scratch,
      environment: {},
      now: () => now,
      stdout: { write: (text) => void output.push(text), isTerminal: false },
      stderr: { write: () => undefined, isTerminal: false },
    });
    return /spkiSha256: ([0-9a-f]{64})/.exec(output.join(''))?.[1] ?? '';
  }

  async function tryLab(changes: { readonly at?: string; readonly policy?: Fields } = {}, key = lab.privateKey) {
    const text = readFileSync(join(folder, name), 'utf8');
    const policy = write(name, text.replace(/spkiSha256: [0-9a-f]{64}/, `spkiSha256: ${await shownPin()}`));
    const one = cases.get('honest-node');
    if (one === undefined) throw new TypeError('no honest node');
    const given = { pack: null, bundles: [signNodeSet(key)], publicKeys: [publicKey] };
    const { verdict, findings } = await runner.run({
      ...one,
      base: { ...one.base, policy },
      file: { ...one.file, ...given, ...changes },
    });
    return { verdict, codes: findings.map((finding) => finding.code) };
  }

  test('admits what the key signed, pinned by what trust show prints', async () => {
    expect(await tryLab()).toEqual({ verdict: 'admit', codes: [] });
  });

  test('refuses what another key signed', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect((await tryLab({}, other)).codes).toContain('signature.no-key');
  });

  test('refuses another release, whoever signed it', async () => {
    expect((await tryLab({ policy: { node: { os: { versionId: '4593.2.6' } } } })).codes).toEqual(['os.version-id']);
  });

  test('counts a signature without a timestamp until the key ends, and no longer', async () => {
    const policy = { expiresAt: '2028-01-01T00:00:00Z' };
    expect((await tryLab({ policy, at: '2027-01-31T23:59:59Z' })).verdict).toBe('admit');
    expect((await tryLab({ policy, at: '2027-02-01T00:00:01Z' })).codes).toContain('signer.key-expired');
  });

  test('cannot be written without an end of the key', () => {
    const text = readFileSync(join(folder, name), 'utf8').replace(/^ +validUntil: .*$/m, '');
    expect(() => parsePolicy(Buffer.from(text))).toThrow(/validUntil/);
  });
});
