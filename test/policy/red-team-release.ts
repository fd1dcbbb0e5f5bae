import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { stringify } from 'yaml';
import { decide, Digest, type Verdict } from '../../pipeline/core/index.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { buildEvidenceIdentity, type Evidence } from '../../pipeline/evidence/index.ts';
import { encodePreAuthentication, inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import {
  emptyState,
  judgeArtifact,
  judgeNode,
  type LoadedPolicy,
  parsePolicy,
  type PolicyJudgement,
  type Situation,
} from '../../pipeline/policy/index.ts';
import {
  buildIdentitySubject,
  identityDigest,
  type NodeIdentity,
  nodeSetPredicateType,
} from '../../pipeline/release/index.ts';
import { openAnchors, parsePublicKey } from '../../pipeline/trust/index.ts';
import { change, openMadeNode, reference, stableNode } from '../evidence/made-node.ts';

/** A signer of the test's own: a key that a policy pins. */
export type TestKey = { readonly name: string; readonly privateKey: KeyObject; readonly pem: string };

export function makeKey(name: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { name, privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

export const keys = { release: makeKey('release'), builds: makeKey('builds'), security: makeKey('security') } as const;
export const stranger = makeKey('stranger');

export type TestSubject = {
  readonly name?: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
};

export type TestStatement = {
  readonly predicateType: string;
  readonly subject: readonly TestSubject[];
  readonly predicate: object;
};

export function encodeStatement(statement: TestStatement): Buffer {
  return Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', ...statement }));
}

/** A bundle that a key signed: no log, no timestamp. */
export function signStatement(key: TestKey, statement: TestStatement): object {
  const payload = encodeStatement(statement);
  const signature = sign('sha256', encodePreAuthentication(inTotoPayloadType, payload), key.privateKey);
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'x' } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: inTotoPayloadType,
      signatures: [{ sig: signature.toString('base64') }],
    },
  };
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function honestEvidence(changes: Parameters<typeof change>[1] = {}): Promise<Evidence> {
  return collectEvidence(openMadeNode(change(stableNode, changes)));
}

export function identityOf(evidence: Evidence): NodeIdentity {
  const own = buildEvidenceIdentity(evidence);
  if ('findings' in own) throw new TypeError(own.findings.map((finding) => finding.message).join());
  return own.identity;
}

export const imageSha256 = sha256('the node image');

/** A node-set statement about an identity; what a test changes in the predicate goes into `changes`. */
export function nodeSetStatement(
  identity: NodeIdentity,
  changes: object = {},
  more: readonly TestSubject[] = [],
): TestStatement {
  return {
    predicateType: nodeSetPredicateType,
    subject: [
      buildIdentitySubject(identity),
      { name: 'node.bin', digest: { sha256: imageSha256 }, annotations: { role: 'node-image' } },
      ...identity.sysexts.map((member) => ({
        name: `${member.name}.raw`,
        digest: { sha256: member.sha256 },
        annotations: { role: 'sysext', name: member.name },
      })),
      ...more,
    ],
    predicate: {
      name: 'workers',
      role: 'worker',
      identity,
      reference,
      validity: { issuedAt: '2026-08-12T00:00:00Z', validUntil: null },
      statements: [],
      ...changes,
    },
  };
}

export function provenanceStatement(
  subject: readonly TestSubject[],
  builder = 'https://ci.example/builder',
): TestStatement {
  return {
    predicateType: 'https://slsa.dev/provenance/v1',
    subject,
    predicate: {
      buildDefinition: { buildType: 'https://ci.example/type/v1', externalParameters: {} },
      runDetails: { builder: { id: builder } },
    },
  };
}

export function revocationStatement(...revocations: readonly object[]): TestStatement {
  return {
    predicateType: 'https://nodeproof.dev/attestation/revocation/v1',
    subject: [{ name: 'revocation', digest: { sha256: sha256('revocation') } }],
    predicate: { revocations },
  };
}

export function makePolicy(changes: Readonly<Record<string, unknown>> = {}, node: object = {}): LoadedPolicy {
  return parsePolicy(encodePolicy(changes, node));
}

export function encodePolicy(changes: Readonly<Record<string, unknown>> = {}, node: object = {}): Buffer {
  const pinned = Object.values(keys).map(({ name, pem }) => ({
    name,
    spkiSha256: parsePublicKey(pem).spkiSha256,
    validUntil: '2030-01-01T00:00:00Z',
  }));
  return Buffer.from(
    stringify({
      apiVersion: 'nodeproof.dev/policy/v1',
      name: 'workers',
      version: 1,
      issuedAt: '2026-01-01T00:00:00Z',
      expiresAt: '2028-01-01T00:00:00Z',
      trust: { keys: pinned },
      signers: Object.keys(keys).map((name) => ({ name, key: name })),
      allow: { 'node-set': ['release'], provenance: ['builds'], sbom: ['builds'], revocation: ['security'] },
      node: { os: { id: 'flatcar' }, sysexts: {}, ...node },
      ...changes,
    }),
  );
}

export const now = new Date('2026-11-22T12:00:00Z');

/** What else is judged by: a trust pack, what was accepted before, the time. */
export type Circumstances = Partial<
  Pick<Situation, 'state' | 'now'> & Pick<Situation['material'], 'pack' | 'silences'>
>;

function situationOf(
  { policy }: LoadedPolicy,
  bundles: readonly object[],
  { pack = null, silences = [], ...circumstances }: Circumstances = {},
): Situation {
  const { anchors, missing } = openAnchors(policy.trust, {
    trustedRoots: [],
    publicKeys: Object.values(keys).map(({ pem }) => parsePublicKey(pem)),
  });
  return {
    policy,
    material: {
      anchors,
      missingAnchors: missing,
      bundles: bundles.map((json, at) => ({
        name: `bundle ${at + 1}`,
        bundle: parseBundle(Buffer.from(JSON.stringify(json))),
      })),
      pack,
      silences,
    },
    state: emptyState,
    now,
    ...circumstances,
  };
}

export type Outcome = PolicyJudgement & Pick<Verdict, 'verdict' | 'exit'> & { readonly codes: readonly string[] };

function outcomeOf(judgement: PolicyJudgement): Outcome {
  const { verdict, exit, findings } = decide(judgement);
  return { ...judgement, verdict, exit, codes: [...new Set(findings.map((finding) => finding.code))].sort() };
}

export function tryNode(
  evidence: Evidence,
  policy: LoadedPolicy,
  bundles: readonly object[],
  circumstances: Circumstances = {},
): Outcome {
  return outcomeOf(judgeNode(evidence, situationOf(policy, bundles, circumstances)));
}

export function tryArtifact(
  sha256Hex: string,
  policy: LoadedPolicy,
  bundles: readonly object[],
  circumstances: Circumstances = {},
): Outcome {
  return outcomeOf(judgeArtifact(Digest.fromHex('sha256', sha256Hex), situationOf(policy, bundles, circumstances)));
}

export function identityHex(identity: NodeIdentity): string {
  return identityDigest(identity).hex;
}
