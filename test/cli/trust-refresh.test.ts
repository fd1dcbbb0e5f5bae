import { spawn, spawnSync } from 'node:child_process';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest, type Json, limits } from '../../pipeline/core/index.ts';
import { revocationSubject } from '../../pipeline/policy/index.ts';
import { identityDigest, type NodeIdentity } from '../../pipeline/release/index.ts';
import { encodeTrustPack, parseTrustPack, type TrustPackContent } from '../../pipeline/trust/index.ts';
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
  revocationStatement,
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
const packPath = join(folder, 'trust-pack.json');
const identity = identityOf(await honestEvidence());
const [member] = identity.sysexts;
if (member === undefined) throw new TypeError('the node has a sysext');

/** The release after the one that the node runs: another system, one extension of the same bytes. */
const next: NodeIdentity = {
  ...identity,
  os: { ...identity.os, versionId: '4700.1.0', usrHash: '7'.repeat(64) },
  sysexts: [member],
};
const listed = {
  identity: identityDigest(identity),
  member: Digest.fromHex('sha256', member.sha256),
  next: identityDigest(next),
  image: Digest.fromHex('sha256', imageSha256),
};

const sign = (key: TestKey, statement: TestStatement) => signStatement(key, statement) as Json;
const bytesOf = (bundle: Json) => Buffer.from(JSON.stringify(bundle));
const ownSet = sign(keys.release, nodeSetStatement(identity));
const nextSet = sign(keys.release, nodeSetStatement(next, { name: 'workers-next' }));
const revoke = (revoked: object, subject: Digest, key: TestKey = keys.security) =>
  sign(key, {
    ...revocationStatement({ ...revoked, why: 'a hole' }),
    subject: [{ digest: { sha256: subject.hex } }],
  });
const olderRevocation = revoke({ versionId: '4000.0.0' }, revocationSubject);
const ownRevocation = revoke({ versionId: identity.os.versionId }, revocationSubject);

const content: TrustPackContent = {
  name: 'workers',
  version: 5,
  issuedAt: '2026-11-01T12:00:00Z',
  expiresAt: '2027-03-01T00:00:00Z',
  trustedRoots: [],
  publicKeys: Object.values(keys).map(({ pem }) => pem),
  bundles: [ownSet],
  revocations: [olderRevocation],
};

let registry: LoopbackRegistry;
beforeAll(async () => {
  registry = await openLoopbackRegistry();
  writeMadeNode(join(folder, 'root'), stableNode);
});
afterAll(() => registry[Symbol.asyncDispose]());

beforeEach(() => {
  registry.interfere = null;
  for (const name of ['store', 'other', 'state.json']) rmSync(join(folder, name), { recursive: true, force: true });
  rmSync(packPath, { force: true });
  writeFileSync(join(folder, 'policy.yaml'), encodePolicy());
  writePack();
});

function writePack(changes: Partial<TrustPackContent> = {}): void {
  writeFileSync(packPath, encodeTrustPack({ ...content, ...changes }), { mode: 0o600 });
  utimesSync(packPath, 1_000_000_000, 1_000_000_000);
}

/** A store that lists these bundles under what the node asks for, and under what it is led on to. */
function offer(bundles: readonly Json[], name = 'store'): void {
  writeMadeStore(join(folder, name), [...Object.values(listed), revocationSubject], bundles.map(bytesOf));
}

const given = ['--policy', 'policy.yaml', '--trust-pack', 'trust-pack.json'];
const run = (...args: readonly string[]) => runCommandLine(args, { directory: folder, now });
const refreshFrom = (stores: readonly string[], ...more: readonly string[]) =>
  run('trust', 'refresh', ...given, '--root', 'root', '--from', ...stores, ...more, '--json');

type Document = {
  readonly trustPack: { readonly version: number; readonly bundles: number; readonly revocations: number };
  readonly isChanged: boolean;
  readonly identity: string | null;
  readonly missingAnchors: readonly string[];
  readonly added: Readonly<Record<'nodeSets' | 'revocations' | 'provenance' | 'sboms', number>>;
  readonly unneeded: number;
  readonly passedOver: readonly { readonly code: string; readonly count: number; readonly message: string }[];
  readonly unreadRevocations: readonly { readonly code: string }[];
  readonly silences: readonly { readonly store: string; readonly code: string }[];
  readonly refused: readonly { readonly code: string }[];
};

/** A refresh from directory:store, or from the stores that are named. */
async function refresh(...stores: readonly string[]): Promise<Document & { readonly exit: number }> {
  const { exit, json, stderr } = await refreshFrom(stores.length === 0 ? ['directory:store'] : stores);
  expect(stderr).toBe('');
  return { ...(json as Document), exit };
}

const readPack = () => parseTrustPack(readFileSync(packPath));
const isUntouched = () => statSync(packPath).mtimeMs === 1_000_000_000_000;
const none = { nodeSets: 0, revocations: 0, provenance: 0, sboms: 0 };

async function verifyNode(root = 'root') {
  const { exit, json } = await run('node', 'verify', ...given, '--root', root, '--json');
  const { verdict, findings } = json as { verdict: string; findings: readonly { code: string }[] };
  return { exit, verdict, codes: findings.map(({ code }) => code) };
}

describe('trust refresh', () => {
  test('adds the node set of the next release, found by an extension that both have', async () => {
    writeMadeStore(join(folder, 'store'), [listed.member], [bytesOf(nextSet)]);
    const outcome = await refresh();
    expect(outcome).toMatchObject({ exit: 0, isChanged: true, added: { ...none, nodeSets: 1 }, passedOver: [] });
    expect(outcome.identity).toBe(Digest.format(listed.identity));
    expect(readPack().bundles.map((bundle) => JSON.stringify(bundle))).toEqual(
      [ownSet, withDefaults(nextSet)].map((bundle) => JSON.stringify(bundle)),
    );
  });

  test('adds a revocation, and the node verifies no more', async () => {
    expect((await verifyNode()).verdict).toBe('admit');
    writeMadeStore(join(folder, 'store'), [revocationSubject], [bytesOf(ownRevocation)]);
    expect((await refresh()).added).toEqual({ ...none, revocations: 1 });
    expect(await verifyNode()).toEqual({ exit: 1, verdict: 'refuse', codes: ['revoked.version'] });
    expect(readPack().revocations).toHaveLength(2);
  });

  test('finds what revokes a set that it was led to, under the identity of that set', async () => {
    writeMadeStore(join(folder, 'store'), [listed.member], [bytesOf(nextSet)]);
    const revoked = revoke({ identityDigest: Digest.format(listed.next) }, listed.next);
    writeMadeStore(join(folder, 'other'), [listed.next], [bytesOf(revoked)]);
    expect((await refresh('directory:store', 'directory:other')).added).toEqual({
      ...none,
      nodeSets: 1,
      revocations: 1,
    });
  });

  test('keeps what the pack has, in its order, and its name, version and times', async () => {
    const before = readPack();
    offer([ownRevocation, nextSet, sign(keys.release, nodeSetStatement({ ...next, sysexts: identity.sysexts }))]);
    expect((await refresh()).added).toEqual({ ...none, nodeSets: 2, revocations: 1 });
    const { bundles, revocations, sha256: _, publicKeys, ...facts } = readPack();
    expect(bundles.slice(0, 1)).toEqual(before.bundles);
    expect(revocations.slice(0, 1)).toEqual(before.revocations);
    expect(publicKeys.map(({ spkiSha256 }) => spkiSha256)).toEqual(
      before.publicKeys.map(({ spkiSha256 }) => spkiSha256),
    );
    const { name, version, issuedAt, expiresAt } = content;
    expect(facts).toEqual({ name, version, issuedAt, expiresAt, trustedRoots: [] });
  });

  test('writes for its owner alone, and leaves nothing else', async () => {
    const before = readdirSync(folder).toSorted();
    offer([nextSet]);
    await refresh();
    expect(statSync(packPath).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).toSorted()).toEqual([...before, 'store'].toSorted());
  });

  test('does nothing the second time, nor with what the pack has', async () => {
    offer([nextSet, ownRevocation, ownSet]);
    await refresh();
    const before = readFileSync(packPath);
    utimesSync(packPath, 1_000_000_000, 1_000_000_000);
    expect(await refresh()).toMatchObject({ exit: 0, isChanged: false, added: none, unneeded: 0 });
    expect([readFileSync(packPath).equals(before), isUntouched()]).toEqual([true, true]);
  });

  test('asks nobody what the pack does not lead to', async () => {
    offer([]);
    expect(await refresh()).toMatchObject({ exit: 0, isChanged: false, added: none, unneeded: 0 });
    expect(isUntouched()).toBe(true);
  });

  test('tells it to people in lines', async () => {
    offer([nextSet, ownRevocation, sign(stranger, nodeSetStatement(next))]);
    const { stdout } = await run(
      'trust',
      'refresh',
      ...given,
      '--root',
      'root',
      '--from',
      'directory:store',
      'directory:nowhere',
    );
    expect(stdout.replaceAll(folder, '')).toMatchSnapshot();
  });
});

/** A bundle in the pack has what its fields stand for where they are not there. */
function withDefaults(bundle: Json): Json {
  const { mediaType, verificationMaterial, dsseEnvelope } = bundle as {
    mediaType: Json;
    verificationMaterial: { [key: string]: Json };
    dsseEnvelope: { [key: string]: Json };
  };
  return { mediaType, verificationMaterial: { ...verificationMaterial, tlogEntries: [] }, dsseEnvelope };
}
