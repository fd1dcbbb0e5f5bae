/**
 * Makes what the demo's policy judges by: a signed release of the node set workers-4593.2.5, the trust packs that attackers
 * bring, the policy that pins the release's root, and what an honest node of that set says of itself.
 *
 *   node samples/demo/make-release.ts
 *
 * Needs only samples/demo/images. Signed keyless against a Sigstore on loopback at a fixed time: whoever runs it again gets
 * other keys and the same verdicts. Writes release/, packs/ and node/, and
 * pins the new roots in policy.yaml.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import {
  attestRelease,
  parseSigningConfig,
  selectServices,
  type Signer,
  type SysextArtifact,
} from '../../pipeline/attest/index.ts';
import { encodeCanonicalJson, type Json } from '../../pipeline/core/index.ts';
import { openHashingPool } from '../../pipeline/edge/hashing/index.ts';
import { buildKeylessSigner, buildKeySigner, givenIdentityToken } from '../../pipeline/edge/sigstore/index.ts';
import { openImageShelf } from '../../pipeline/cli/cases/index.ts';
import { version } from '../../pipeline/cli/version.ts';
import { buildProvenance, localBuildContext } from '../../pipeline/provenance/index.ts';
import { revocationPredicateType } from '../../pipeline/policy/index.ts';
import {
  buildIdentity,
  buildIdentitySubject,
  identityDigest,
  type NodeIdentity,
  type NodeSet,
  nodeSetPredicateType,
} from '../../pipeline/release/index.ts';
import { encodeTrustPack, parseTrustedRootCandidate, type TrustedRootCandidate } from '../../pipeline/trust/index.ts';
import {
  type GithubClaims,
  type LoopbackSigstore,
  openLoopbackSigstore,
} from '../../test/support/loopback-sigstore/index.ts';
import { writeNode } from './make-node.ts';
import { commit, readNodeSetParts, releaseInput, set, signedAt } from './node-set.ts';

const here = import.meta.dirname;
const clock = (): Date => signedAt;
const inToto = 'application/vnd.in-toto+json';

const tag = `refs/tags/v${set.version}`;
const release: Partial<GithubClaims> = {
  repository: 'acme/node-images',
  repository_id: '123456789',
  repository_owner_id: '987654',
  ref: tag,
};
const mallory: Partial<GithubClaims> = { repository_id: '666000666', repository_owner_id: '660066', ref: tag };
const releaseWorkflow = `acme/node-images/.github/workflows/release.yml@${tag}`;

await using sigstore = await openLoopbackSigstore({ rekor: 'v2', clock });
await using privateSigstore = await openLoopbackSigstore({ rekor: 'v2', clock });
await using forgedSigstore = await openLoopbackSigstore({ rekor: 'v2', clock });
await using hashing = openHashingPool();
const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-demo-release-'));
for (const name of ['release', 'packs', 'node']) rmSync(join(here, name), { recursive: true, force: true });

try {
  const parts = await readNodeSetParts(openImageShelf(scratch), hashing);
  const root = sigstore.trustedRoot;
  const privateRoot = privateSigstore.trustedRoot;

  const made = await attestRelease(
    releaseInput(parts, [parts.kubernetes, parts.falco], [candidate(root)]),
    keyless(sigstore, release),
  );
  const honest = made.nodeSet;
  if (honest === null) throw new TypeError('Cannot happen: no node set was made of an image');
  write(`release/${set.name}.trust-pack.json`, made.files.get(`${set.name}.trust-pack.json`));
  write(`release/${set.name}.summary.md`, made.files.get(`${set.name}.summary.md`));
  const honestBundle = parse(made.files.get(`${set.name}.node-set.sigstore.json`));

  // What attackers would have a node admitted with: the kubernetes extension is their own build of the same name.
  const rebuilt = { ...honest, statements: [], identity: withMember(honest.identity, parts.rebuilt) };
  const strangers: Readonly<Record<string, Partial<GithubClaims>>> = {
    'look-alike-owner': { ...mallory, repository: 'acme-node/images' },
    'prefixed-owner': { ...mallory, repository: 'evil-acme/node-images' },
    'suffixed-repository': { ...mallory, repository: 'acme/node-images-evil' },
    fork: { ...mallory, repository: 'mallory/node-images' },
    'reusable-workflow': {
      ...mallory,
      repository: 'mallory/node-images',
      job_workflow_ref: releaseWorkflow,
    },
    'name-taken-over': { ...release, ...mallory },
    'other-workflow': { ...release, workflow_ref: releaseWorkflow.replace('release.yml', 'test.yml') },
    'other-branch': {
      ...release,
      ref: 'refs/heads/main',
      workflow_ref: releaseWorkflow.replace(/@.*/, '@refs/heads/main'),
    },
    'pull-request': { ...release, event_name: 'pull_request_target' },
    'self-hosted': { ...release, runner_environment: 'self-hosted' },
  };
  for (const [name, claims] of Object.entries(strangers))
    writePack(name, [root], [honestBundle, await sign(keyless(sigstore, claims), nodeSetStatement(rebuilt))]);

  // Another certificate authority: GitHub's issuer, the right identity, a root that the policy pins for something else.
  const imitation = await sign(keyless(privateSigstore, release), nodeSetStatement(rebuilt));
  writePack('private-authority', [root, privateRoot], [honestBundle, imitation]);
  // Everything of the attacker's own, under the names of the honest pack.
  const forged = await sign(keyless(forgedSigstore, release), nodeSetStatement(rebuilt));
  writePack('forged', [forgedSigstore.trustedRoot], [forged], { packName: set.name });
  writePack('forged-key', [root], [honestBundle, await sign(strangerKey(), nodeSetStatement(rebuilt))]);

  const all = bundlesOf(made.files);
  // Signed by the right workflow, about something else than the node.
  const sets = {
    'other-set': {
      ...honest,
      name: 'control-planes',
      role: 'control-plane',
      identity: withoutMember(honest.identity, 'falco'),
    },
    'below-floor': oldRelease(honest),
  };
  for (const [name, nodeSet] of Object.entries(sets))
    writePack(name, [root], [await signAsRelease(nodeSetStatement({ ...nodeSet, statements: [] }))]);
  writePack('file-with-that-digest', [root], [await signAsRelease(fileStatement(rebuilt.identity))]);
  writePack(
    'unbound-identity',
    [root],
    [await signAsRelease({ ...nodeSetStatement(honest), subject: [buildIdentitySubject(rebuilt.identity)] })],
  );
  writePack(
    'other-predicate',
    [root],
    [await signAsRelease({ ...nodeSetStatement(rebuilt), predicateType: 'https://example.org/test-result/v1' })],
  );

  // An update of Kubernetes alone, attested by who builds extensions; and by who may only build another.
  const builds = { ...release, repository: 'acme/sysexts', repository_id: '123450000', ref: 'refs/tags/v1.34.3' };
  const falcoBuilds = { ...release, repository: 'acme/falco', repository_id: '123451111', ref: 'refs/tags/v0.41.3' };
  for (const [name, claims] of Object.entries({ 'member-update': builds, 'member-of-another-signer': falcoBuilds }))
    writePack(name, [root], [...all, await sign(keyless(sigstore, claims), memberStatement(parts.rebuilt, claims))]);

  // The honest release with something left out or put beside it.
  writePack('without-statements', [root], [honestBundle]);
  writePack('with-junk', [root], [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }, imitation, ...all]);
  const revoker = { ...release, workflow_ref: releaseWorkflow.replace('release.yml', 'revoke.yml') };
  const nobody = { ...mallory, repository: 'mallory/node-images' };
  for (const [name, claims] of Object.entries({ revoking: revoker, 'revoked-by-nobody': nobody }))
    writePack(name, [root], all, { revocations: [await sign(keyless(sigstore, claims), revocation(honest))] });

  pinRoots({ github: root, corporate: privateRoot });
  writeNode(join(here, 'node'), honest, parts.falcoBlocks);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function keyless(from: LoopbackSigstore, claims: Partial<GithubClaims>): Signer {
  const config = parseSigningConfig(Buffer.from(JSON.stringify(from.signingConfig)));
  const services = selectServices(config, clock(), { certificateAuthority: true });
  return buildKeylessSigner(services, givenIdentityToken(from.token(claims), clock));
}

function signAsRelease(statement: Json): Promise<Json> {
  return sign(keyless(sigstore, release), statement);
}

function strangerKey(): Signer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return buildKeySigner(Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string));
}

async function sign(signer: Signer, statement: Json): Promise<Json> {
  return parse(await signer.signStatement(encodeCanonicalJson(statement), inToto));
}

function nodeSetStatement(nodeSet: NodeSet): { readonly [field: string]: Json } {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [buildIdentitySubject(nodeSet.identity)],
    predicateType: nodeSetPredicateType,
    predicate: nodeSet,
  };
}

/** Provenance of a file whose digest is the identity digest: proves nothing about a node. */
function fileStatement(identity: NodeIdentity): Json {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'identity.json', digest: { sha256: identityDigest(identity).hex } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: { buildType: 'https://example.org/file/v1', externalParameters: {} },
      runDetails: { builder: { id: `https://github.com/${releaseWorkflow}` } },
    },
  };
}

/** Provenance of one extension on its own. */
function memberStatement(member: SysextArtifact, { repository = '', ref = '' }: Partial<GithubClaims>): Json {
  const context = {
    ...localBuildContext,
    builderId: `https://github.com/${repository}/.github/workflows/release.yml@${ref}`,
    source: { repository: `https://github.com/${repository}`, commit },
  };
  const parameters = { nodeSet: member.name, role: null, image: 'none', shipped: null, sysexts: [], without: [] };
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      {
        name: member.fileName,
        digest: { sha256: member.digests[0].hex },
        annotations: { role: 'sysext', name: member.name },
      },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: buildProvenance({ context, parameters, dependencies: [], byproducts: [], nodeproofVersion: version }),
  } as Json;
}

function revocation(nodeSet: NodeSet): Json {
  const digest = `sha256:${identityDigest(nodeSet.identity).hex}`;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [buildIdentitySubject(nodeSet.identity)],
    predicateType: revocationPredicateType,
    predicate: { revocations: [{ identityDigest: digest, why: 'kubelet ships with a debug port' }] },
  };
}

function withMember(identity: NodeIdentity, member: SysextArtifact): NodeIdentity {
  const others = identity.sysexts.filter(({ name }) => name !== member.name);
  const own = { name: member.name, sha256: member.digests[0].hex, rootHash: member.rootHash };
  return buildIdentity({ ...identity, sysexts: [...others, own] });
}

function withoutMember(identity: NodeIdentity, name: string): NodeIdentity {
  return { ...identity, sysexts: identity.sysexts.filter((member) => member.name !== name) };
}

/** A release of years ago, honestly signed then. */
function oldRelease(nodeSet: NodeSet): NodeSet {
  const os = { ...nodeSet.identity.os, versionId: '4000.0.0', buildId: '2024-06-18-1200', usrHash: '4000'.repeat(16) };
  const reference = { ...nodeSet.reference, usrVerity: null, kernel: null };
  return { ...nodeSet, name: 'workers-4000.0.0', reference, identity: { ...nodeSet.identity, os } };
}

function bundlesOf(files: ReadonlyMap<string, Uint8Array>): readonly Json[] {
  const lines = Buffer.from(files.get(`${set.name}.intoto.jsonl`) ?? [])
    .toString('utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as Json);
}

function writePack(
  name: string,
  trustedRoots: readonly Json[],
  bundles: readonly Json[],
  { packName = `demo-${name}`, revocations = [] }: { packName?: string; revocations?: readonly Json[] } = {},
): void {
  const version = Math.floor(signedAt.getTime() / 1000);
  const issuedAt = '2026-11-01T12:00:00Z';
  write(
    `packs/${name}.trust-pack.json`,
    encodeTrustPack({
      name: packName,
      version,
      issuedAt,
      expiresAt: null,
      trustedRoots,
      publicKeys: [],
      bundles,
      revocations,
    }),
  );
}

/** The policy is written by people; only the digests of roots that were just made are put into it. */
function pinRoots(roots: Readonly<Record<string, Json>>): void {
  let policy = readFileSync(join(here, 'policy.yaml'), 'utf8');
  for (const [name, root] of Object.entries(roots))
    policy = policy.replace(new RegExp(`(- name: ${name}\\n\\s+sha256: )[0-9a-f]{64}`), `$1${candidate(root).sha256}`);
  write('policy.yaml', policy);
}

function candidate(trustedRoot: Json): TrustedRootCandidate {
  return parseTrustedRootCandidate(Buffer.from(JSON.stringify(trustedRoot)));
}

function parse(bytes: Uint8Array | undefined): Json {
  return JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as Json;
}

function write(name: string, content: string | Uint8Array | undefined): void {
  const path = join(here, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content ?? '');
}
