import { createHash, generateKeyPairSync } from 'node:crypto';
import { buildKeySigner } from '../../pipeline/edge/sigstore/index.ts';
import { inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { Digest } from '../../pipeline/core/index.ts';
import { nodeSetPredicateType, ociManifestDigest } from '../../pipeline/release/index.ts';
import type { ArtifactFile } from '../../pipeline/store/index.ts';
import { encodeTrustPack } from '../../pipeline/trust/index.ts';

/** What attest writes about one sysext, small and without an image: enough to publish. */
export type SmallRelease = {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly artifact: ArtifactFile;
  readonly artifactBytes: Buffer;
  readonly publicKeyPem: string;
  /** Digests under which bundles are to be found. */
  readonly file: Digest;
  readonly manifest: Digest;
  readonly identity: Digest;
};

export const provenanceType = 'https://slsa.dev/provenance/v1';
export const sbomType = 'https://cyclonedx.org/bom';

/** Made twice, the same content has other signatures. */
export async function makeSmallRelease(
  content = 'not a real sysext',
  { name = 'falco.raw', set = 'workers' }: { readonly name?: string; readonly set?: string } = {},
): Promise<SmallRelease> {
  const artifactBytes = Buffer.from(content);
  const file = Digest.of('sha256', artifactBytes);
  const identity = Digest.of('sha256', `identity of ${content}`);
  const oci = { kind: 'sysext', fileName: name, sha256: file.hex, sizeBytes: artifactBytes.byteLength } as const;
  const manifest = ociManifestDigest(oci);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = buildKeySigner(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  if (signer.by.kind !== 'key') throw new Error('not a key');
  const sign = async (predicateType: string, subjects: readonly object[]): Promise<Buffer> => {
    const statement = { _type: 'https://in-toto.io/Statement/v1', subject: subjects, predicateType, predicate: {} };
    const bundle = await signer.signStatement(Buffer.from(JSON.stringify(statement)), inTotoPayloadType);
    return Buffer.concat([bundle, Buffer.from('\n')]);
  };
  const subject = (called: string, role: string, { hex }: Digest) => ({
    name: called,
    digest: { sha256: hex },
    annotations: { role },
  });
  const itself = subject(name, 'sysext', file);
  const files = new Map<string, Uint8Array>([
    [
      `${name}.provenance.sigstore.json`,
      await sign(provenanceType, [itself, subject(`${name} as OCI artifact`, 'oci-manifest', manifest)]),
    ],
    [`${name}.sbom.sigstore.json`, await sign(sbomType, [itself])],
    [
      `${set}.node-set.sigstore.json`,
      await sign(nodeSetPredicateType, [subject('identity', 'identity', identity), itself]),
    ],
    [`${name}.cdx.json`, Buffer.from('{"bomFormat":"CycloneDX"}\n')],
    [`${set}.trust-pack.json`, encodePack(set, signer.by.publicKeyPem)],
  ]);
  const sums = [...files].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  files.set('SHA256SUMS', Buffer.from(`${sums.join('')}${file.hex}  ${name}\n`));
  const artifact = {
    path: name,
    sizeBytes: artifactBytes.byteLength,
    digest: file,
    content: new Blob([artifactBytes]),
  };
  return { files, artifact, artifactBytes, publicKeyPem: signer.by.publicKeyPem, file, manifest, identity };
}

function encodePack(name: string, publicKeyPem: string): Uint8Array {
  return encodeTrustPack({
    name,
    version: 1,
    issuedAt: '2026-11-22T12:00:00Z',
    expiresAt: null,
    trustedRoots: [],
    publicKeys: [publicKeyPem],
    bundles: [],
    revocations: [],
  });
}
