import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseSigningConfig, selectServices } from '../../pipeline/attest/signing/index.ts';
import type { Json } from '../../pipeline/core/index.ts';
import { buildKeylessSigner, buildKeySigner, givenIdentityToken } from '../../pipeline/edge/sigstore/index.ts';
import { inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { parsePublicKey, parseTrustedRootCandidate } from '../../pipeline/trust/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { impatient } from '../edge/sigstore/support.ts';
import { encodeStatement, keys, now } from '../policy/red-team-release.ts';
import {
  type GithubClaims,
  githubIssuer,
  type LoopbackSigstore,
  openLoopbackSigstore,
} from '../support/loopback-sigstore/index.ts';
import { asked, nextStatement, nothing, RefreshedNode, revoke } from './refreshed-node.ts';

const node = new RefreshedNode(makeTemporaryFolder());
const clock = () => now;
let sigstore: LoopbackSigstore;
/** A private instance with names like those of the pinned one. */
let other: LoopbackSigstore;
beforeAll(async () => {
  sigstore = await openLoopbackSigstore({ rekor: 'none', clock });
  other = await openLoopbackSigstore({ rekor: 'none', clock });
});
afterAll(async () => {
  await sigstore[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

beforeEach(() => {
  node.reset();
  node.writePack({ trustedRoots: [sigstore.trustedRoot] });
  const pinned = Object.values(keys).map(({ name, pem }) => ({
    name,
    spkiSha256: parsePublicKey(pem).spkiSha256,
    validUntil: '2030-01-01T00:00:00Z',
  }));
  const root = {
    name: 'loopback',
    sha256: parseTrustedRootCandidate(Buffer.from(JSON.stringify(sigstore.trustedRoot))).sha256,
    issuers: [githubIssuer],
    thresholds: { tlog: 0, sct: 1, timestamps: 1 },
  };
  const workflow = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v*';
  const github = {
    repository: { name: 'acme/node-images', id: '700700700' },
    owner: { name: 'acme', id: '40404040' },
    builder: workflow,
    caller: workflow,
    ref: 'refs/tags/v*',
  };
  node.writePolicy({
    trust: { keys: pinned, roots: [root] },
    signers: [
      { name: 'workflow', root: 'loopback', github },
      { name: 'security', key: 'security' },
    ],
    allow: { 'node-set': ['workflow'], revocation: ['security'] },
  });
});

function servicesOf(instance: LoopbackSigstore, certificateAuthority: boolean) {
  const config = parseSigningConfig(Buffer.from(JSON.stringify(instance.signingConfig)));
  return selectServices(config, now, { certificateAuthority });
}

async function signAs(claims: Partial<GithubClaims>, instance = sigstore): Promise<Json> {
  const token = givenIdentityToken(instance.token(claims), clock);
  const signer = buildKeylessSigner(servicesOf(instance, true), token, impatient);
  return parse(await signer.signStatement(encodeStatement(nextStatement), inTotoPayloadType));
}

const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Json;

describe('A node set of the next release', () => {
  test('is taken where the workflow of the policy signed it', async () => {
    node.offer([await signAs({})], [asked.shared]);
    expect(await node.refresh()).toMatchObject({ exit: 0, added: { ...nothing, nodeSets: 1 } });
  });

  test.each<[string, Partial<GithubClaims>]>([
    ['a repository of another owner', { repository: 'evil/node-images' }],
    ['a repository whose name goes on', { repository: 'acme/node-images-evil' }],
    ['a repository that took the name over', { repository_id: '1' }],
    ['a branch', { ref: 'refs/heads/v1' }],
    ['a pull request', { event_name: 'pull_request_target' }],
    ['a workflow beside it', { job_workflow_ref: 'acme/node-images/.github/workflows/release.yml.evil@refs/tags/v1' }],
  ])('is not taken from %s', async (_who, claims) => {
    node.offer([await signAs(claims)], [asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, isChanged: false, added: nothing });
    expect(outcome.passedOver).toHaveLength(1);
    expect(node.isUntouched()).toBe(true);
  });

  test('is not taken from another authority that writes the same names', async () => {
    node.offer([await signAs({}, other)], [asked.shared]);
    expect(await node.refresh()).toMatchObject({ isChanged: false, passedOver: [{ count: 1 }] });
  });
});

/** A signature of a key counts beyond the end of the key only by its timestamp. */
describe('A bundle whose timestamp a store took away', () => {
  test('keeps nobody from taking the whole one', async () => {
    const pem = Buffer.from(keys.security.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const signer = buildKeySigner(pem, { services: servicesOf(sigstore, false), calls: impatient });
    const statement = encodeStatement(revoke({ versionId: '4100.0.0' }, asked.revocations));
    const whole = parse(await signer.signStatement(statement, inTotoPayloadType)) as {
      verificationMaterial: { publicKey: Json };
    };
    const { publicKey } = whole.verificationMaterial;
    const stripped = { ...whole, verificationMaterial: { publicKey } };
    node.offer([stripped], [asked.revocations]);
    expect((await node.refresh()).added).toEqual({ ...nothing, revocations: 1 });
    node.offer([stripped, whole], [asked.revocations], 'other');
    expect((await node.refresh('directory:store', 'directory:other')).added).toEqual({ ...nothing, revocations: 1 });
    expect((await node.refresh('directory:store', 'directory:other')).isChanged).toBe(false);
    expect(node.readPack().revocations).toHaveLength(3);
  });
});
