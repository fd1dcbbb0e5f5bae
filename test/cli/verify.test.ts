import { Socket } from 'node:net';
import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { keySigner, readDemoArtifacts, releaseOf } from '../attest/demo-release.ts';
import { attestRelease, type Release } from '../../pipeline/attest/index.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';

let workshop: Workshop;
let release: Release;
const pack = 'release/workers-4593.2.5.trust-pack.json';
const lines = 'release/workers-4593.2.5.intoto.jsonl';
const sbomOf = (name: string) => `release/${name}.sbom.sigstore.json`;

beforeAll(async () => {
  workshop = openWorkshop(demo.kubernetes, demo.falco);
  const signer = keySigner();
  release = await attestRelease(releaseOf(await readDemoArtifacts()), signer);
  mkdirSync(workshop.path('release'));
  for (const [name, bytes] of release.files) workshop.write(`release/${name}`, bytes);
  if (signer.by.kind !== 'key') throw new Error('Cannot go on: want a key signer');
  workshop.write('release.pub', signer.by.publicKeyPem);
  workshop.write('policy.yaml', policyOf(signer.by.spkiSha256.hex));
  workshop.write('stranger.yaml', policyOf('a'.repeat(64)));
});
afterAll(() => workshop[Symbol.dispose]());
afterEach(() => vi.restoreAllMocks());

function policyOf(spkiSha256: string): string {
  return `apiVersion: nodeproof.dev/policy/v1
name: verify-test
version: 1
issuedAt: 2026-10-01T00:00:00Z
expiresAt: 2027-10-01T00:00:00Z
trust:
  keys:
    - { name: release, spkiSha256: ${spkiSha256}, validUntil: 2027-10-01T00:00:00Z }
signers:
  - { name: release, key: release }
allow: { node-set: [release], provenance: [release], sbom: [release] }
node:
  match: set
  os: { id: flatcar, architectures: [x86-64] }
  sysexts: {}
`;
}

const now = new Date('2026-11-15T00:00:00Z');
const verify = (...args: string[]) => runCommandLine(['verify', ...args], { directory: workshop.directory, now });
const byPolicy = ['--policy', 'policy.yaml'];
type Document = {
  verdicts: { subject: string; verdict: string; exit: number; findings: { code: string }[]; checked: object[] }[];
};

describe('verify admits', () => {
  it('many files and digests in one call, each with a verdict and what it stands on', async () => {
    const identity = `sha256:${release.identityDigest?.hex}`;
    const { exit, json } = await verify(
      demo.kubernetes,
      demo.falco,
      identity,
      ...byPolicy,
      '--trust-pack',
      pack,
      '--json',
    );
    expect(exit).toBe(0);
    const { verdicts } = json as Document;
    expect(verdicts.map(({ subject, verdict }) => [subject, verdict])).toEqual([
      [demo.kubernetes, 'admit'],
      [demo.falco, 'admit'],
      [identity, 'admit'],
    ]);
    for (const { checked } of verdicts) expect(checked.length).toBeGreaterThan(0);
  });

  it.each([
    ['a directory that attest wrote', ['--dir', 'release']],
    ['lines of bundles and a key', ['--bundle', lines, '--public-key', 'release.pub']],
    [
      'bundles as files and a key',
      ['--bundle', sbomOf(demo.falco), `release/${demo.falco}.provenance.sigstore.json`, '--public-key', 'release.pub'],
    ],
  ])('by %s', async (_, material) => {
    expect((await verify(demo.falco, ...byPolicy, ...material)).exit).toBe(0);
  });

  it('with junk lines beside the good ones, which neither hide them nor count', async () => {
    const good = readFileSync(workshop.path(lines), 'utf8');
    workshop.write('junk.intoto.jsonl', `not json\n{"mediaType":"x"}\n\n${good}{"half": \n`);
    const { exit, json } = await verify(
      demo.falco,
      ...byPolicy,
      '--bundle',
      'junk.intoto.jsonl',
      '--public-key',
      'release.pub',
      '--json',
    );
    expect(exit).toBe(0);
    expect(json).toMatchObject({ verdicts: [{ verdict: 'admit', ignored: expect.any(Array) as object[] }] });
  });

  it('offline: no socket is opened', async () => {
    const connect = vi.spyOn(Socket.prototype, 'connect').mockImplementation(() => {
      throw new Error('Cannot connect: offline means offline');
    });
    expect((await verify(demo.falco, ...byPolicy, '--trust-pack', pack)).exit).toBe(0);
    expect(connect).not.toHaveBeenCalled();
  });

  it('for people: the word first, then what it stands on', async () => {
    const { stdout } = await verify(demo.falco, ...byPolicy, '--trust-pack', pack);
    expect(stdout).toMatch(/^ADMIT {3}falco\.raw\n/);
    expect(stdout).toContain('CHECKED');
  });
});

describe('a trust pack in a directory', () => {
  it('must be as fresh as one that was given; the newest of several is asked', async () => {
    const packed = JSON.parse(readFileSync(workshop.path(pack), 'utf8')) as { version: number };
    mkdirSync(workshop.path('packs'));
    const expiresAt = '2026-11-01T00:00:00Z';
    workshop.write('packs/old.trust-pack.json', JSON.stringify({ ...packed, expiresAt }));
    expect((await verify(demo.falco, ...byPolicy, '--dir', 'packs')).stdout).toContain('[trust-pack.expired]');
    workshop.write('packs/renewed.trust-pack.json', JSON.stringify({ ...packed, version: packed.version + 1 }));
    expect((await verify(demo.falco, ...byPolicy, '--dir', 'packs')).exit).toBe(0);
  });
});

describe('a trust pack that was packed again', () => {
  it('verifies what the release verifies', async () => {
    const world = { directory: workshop.directory, now };
    const args = [lines, '--name', 'own', '--public-key', 'release.pub', '--out', 'own.json'];
    expect((await runCommandLine(['trust', 'pack', ...args], world)).exit).toBe(0);
    expect((await verify(demo.falco, ...byPolicy, '--trust-pack', 'own.json')).exit).toBe(0);
    const again = await runCommandLine(['trust', 'pack', pack, '--name', 'again', '--out', 'again.json'], world);
    expect(again.exit).toBe(0);
    expect((await verify(demo.falco, ...byPolicy, '--trust-pack', 'again.json')).exit).toBe(0);
  });
});

describe('verify refuses', () => {
  it('a file of which one bit was flipped, and says so beside an admitted one', async () => {
    const bytes = readFileSync(workshop.path(demo.falco));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    workshop.write('flipped.raw', bytes);
    const { exit, json } = await verify(demo.falco, 'flipped.raw', ...byPolicy, '--trust-pack', pack, '--json');
    expect(exit).toBe(1);
    expect((json as Document).verdicts.map(({ verdict }) => verdict)).toEqual(['admit', 'refuse']);
  });

  it('everything where nothing was given to check it with', async () => {
    const { exit, json } = await verify(demo.falco, ...byPolicy, '--json');
    expect(exit).not.toBe(0);
    expect((json as Document).verdicts[0]).toMatchObject({ verdict: 'refuse' });
  });

  it('everything where no bundle is left but junk', async () => {
    workshop.write('only-junk.intoto.jsonl', 'not json\n{}\n');
    const { exit } = await verify(
      demo.falco,
      ...byPolicy,
      '--bundle',
      'only-junk.intoto.jsonl',
      '--public-key',
      'release.pub',
    );
    expect([1, 3]).toContain(exit);
  });

  it('bundles by a key that the policy does not pin, whatever the pack offers', async () => {
    const { exit, json } = await verify(demo.falco, '--policy', 'stranger.yaml', '--trust-pack', pack, '--json');
    expect(exit).not.toBe(0);
    expect((json as Document).verdicts[0]).toMatchObject({ verdict: 'refuse' });
  });

  it('what lies in the past or future of the policy', async () => {
    expect((await verify(demo.falco, ...byPolicy, '--trust-pack', pack, '--at', '2028-01-01T00:00:00Z')).exit).not.toBe(
      0,
    );
  });
});

describe('verify does not judge', () => {
  it.each([
    ['without a policy', ['--trust-pack', pack], 2],
    ['with a policy that is too large', ['--policy', demo.falco, '--trust-pack', pack], 2],
    ['with a policy that is no text', ['--policy', demo.kubernetes, '--trust-pack', pack], 2],
    ['with a policy of other fields', ['--policy', pack, '--trust-pack', pack], 2],
    ['with a policy that is not there', ['--policy', 'nowhere.yaml'], 4],
    ['with a trust pack that is not there', [...byPolicy, '--trust-pack', 'nowhere.json'], 4],
    ['with a trust pack that is malformed', [...byPolicy, '--trust-pack', 'policy.yaml'], 3],
    ['with a directory that is not there', [...byPolicy, '--dir', 'nowhere'], 4],
    ['with a key that is none', [...byPolicy, '--public-key', 'policy.yaml'], 2],
    ['at a time that is none', [...byPolicy, '--at', 'yesterday'], 2],
  ])('%s', async (_, args, exit) => {
    const outcome = await verify(demo.falco, ...args, '--json');
    expect(outcome.exit).toBe(exit);
    expect(outcome.json).toMatchObject({
      error: { code: expect.any(String) as string, message: expect.any(String) as string },
    });
  });

  it.each([
    ['sha256:abc', 2, 'usage.digest'],
    [`sha512:${'a'.repeat(128)}`, 2, 'usage.digest'],
  ])('%s', async (operand, exit, code) => {
    expect(await verify(operand, ...byPolicy, '--trust-pack', pack)).toMatchObject({ exit, code });
  });

  it.each([
    ['nowhere.raw', 'file.missing'],
    ['release', 'file.kind'],
  ])('%s has a verdict of its own, and the others are judged all the same', async (operand, code) => {
    const outcome = await verify(operand, demo.falco, ...byPolicy, '--trust-pack', pack, '--json');
    expect(outcome.exit).toBe(4);
    expect(outcome.json).toMatchObject({
      verdicts: [
        { subject: operand, verdict: 'refuse', exit: 4, findings: [{ code, reason: 'unavailable' }] },
        { subject: demo.falco, verdict: 'admit' },
      ],
    });
  });
});
