import { generateKeyPairSync } from 'node:crypto';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { encodeCanonicalJson, type Json } from '../../pipeline/core/index.ts';
import { buildKeySigner } from '../../pipeline/edge/sigstore/index.ts';
import { buildEvidenceIdentity } from '../../pipeline/evidence/index.ts';
import { buildIdentitySubject, type NodeSet, nodeSetPredicateType } from '../../pipeline/release/index.ts';
import { encodeTrustPack, parsePublicKey } from '../../pipeline/trust/index.ts';
import { type MadeNode, openMadeNode, reference } from './made-node.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = buildKeySigner(Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })));
const publicKeyPem = signer.by.kind === 'key' ? signer.by.publicKeyPem : '';

/** The signed set of what an honest node runs. */
export async function setOf(node: MadeNode, name: string): Promise<NodeSet> {
  const own = buildEvidenceIdentity(await collectEvidence(openMadeNode(node)));
  if ('findings' in own) throw new TypeError('the honest node has no identity');
  return {
    name,
    role: 'worker',
    identity: own.identity,
    reference,
    validity: { issuedAt: '2026-11-01T12:00:00Z', validUntil: null },
    statements: [],
  };
}

/** A trust pack with a signed statement of each set. */
export async function packOf(sets: readonly NodeSet[], version = 5): Promise<Uint8Array> {
  const bundles = await Promise.all(
    sets.map(async (set) => {
      const statement = {
        _type: 'https://in-toto.io/Statement/v1',
        subject: [buildIdentitySubject(set.identity)],
        predicateType: nodeSetPredicateType,
        predicate: set,
      };
      const bytes = await signer.signStatement(encodeCanonicalJson(statement), 'application/vnd.in-toto+json');
      return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
    }),
  );
  return encodeTrustPack({
    name: 'workers',
    version,
    issuedAt: '2026-11-01T12:00:00Z',
    expiresAt: null,
    trustedRoots: [],
    publicKeys: [publicKeyPem],
    bundles,
    revocations: [],
  });
}

/** A policy that pins the key of this module. */
export function policy(version = 7, node = ''): string {
  return `apiVersion: nodeproof.dev/policy/v1
name: workers
version: ${version}
issuedAt: 2026-11-01T12:00:00Z
expiresAt: 2027-03-01T00:00:00Z
trust:
  keys:
    - { name: release, spkiSha256: ${parsePublicKey(publicKeyPem).spkiSha256}, validUntil: 2027-12-01T00:00:00Z }
signers:
  - { name: release, key: release }
allow:
  node-set: [release]
node:
  os: { id: flatcar }
  sysexts: { required: [kubernetes] }
${node}`;
}
