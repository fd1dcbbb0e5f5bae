import { compareText, Digest, Fault, limits } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { provenanceType } from '../formats/slsa/index.ts';
import { type NodeSet, nodeSetPredicateType } from '../release/index.ts';
import { encodeTrustPack } from '../trust/index.ts';
import type { SignedStatement } from './own-verification.ts';
import type { ReleaseInput } from './release.ts';
import type { SignerDescription } from './signing/index.ts';
import { sha256Of } from './statements.ts';
import { renderSummary } from './summary.ts';

export type NamedFile = { readonly name: string; readonly bytes: Uint8Array };

/** All files of a release by name; the trust pack, the summary and the checksums are made of the others. Fault: attest.file-name. */
export function collectFiles(
  input: ReleaseInput,
  nodeSet: NodeSet,
  sboms: readonly NamedFile[],
  signed: readonly SignedStatement[],
  by: SignerDescription,
): ReadonlyMap<string, Uint8Array> {
  const bundles = signed.map(({ statement, bundle }) => ({
    name: `${statement.subjectName}.${kindOf(statement.predicateType)}.sigstore.json`,
    bytes: Buffer.concat([bundle, newline]),
  }));
  const made = nameOnce([
    ...sboms,
    ...bundles,
    { name: `${input.name}.intoto.jsonl`, bytes: Buffer.concat(bundles.map(({ bytes }) => bytes)) },
    { name: `${input.name}.trust-pack.json`, bytes: encodePack(input, signed, by) },
  ]);
  const summary = renderSummary(input, nodeSet, by, [...made.keys()].sort());
  made.set(`${input.name}.summary.md`, Buffer.from(summary));
  made.set('SHA256SUMS', renderChecksums(input, made));
  return made;
}

function kindOf(predicateType: string): 'provenance' | 'node-set' | 'sbom' {
  if (predicateType === provenanceType) return 'provenance';
  return predicateType === nodeSetPredicateType ? 'node-set' : 'sbom';
}

function nameOnce(files: readonly NamedFile[]): Map<string, Uint8Array> {
  const byName = new Map<string, Uint8Array>();
  for (const { name, bytes } of files) {
    if (byName.has(name))
      throw new Fault('attest.file-name', `Cannot write the release: two of its files would be named ${name}`, {
        where: name,
        next: 'Give the set or one of its files another name',
      });
    byName.set(name, bytes);
  }
  return byName;
}

const newline = new TextEncoder().encode('\n');

function encodePack(input: ReleaseInput, signed: readonly SignedStatement[], by: SignerDescription): Uint8Array {
  return encodeTrustPack({
    name: input.name,
    version: Math.max(1, Math.floor(input.time.getTime() / 1000)),
    issuedAt: secondsText(input.time),
    expiresAt: null,
    trustedRoots: input.trustedRoots.map((root) => root.json),
    publicKeys: by.kind === 'key' ? [by.publicKeyPem] : [],
    bundles: signed.map(({ bundle }) => parseJsonBytes(bundle, 'bundle', limits.bundleBytes)),
    revocations: [],
  });
}

/** The files of the set and everything that was made about them, as sha256sum(1) checks it. */
function renderChecksums(input: ReleaseInput, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const given = [input.image, ...input.sysexts].map((artifact) => [artifact.fileName, sha256Of(artifact).hex] as const);
  const shipped = input.shipped === null ? [] : [[input.shipped.fileName, input.shipped.sha256.hex] as const];
  const made = [...files].map(([name, bytes]) => [name, Digest.of('sha256', bytes).hex] as const);
  const lines = [...given, ...shipped, ...made]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, hex]) => `${hex}  ${name}\n`);
  return Buffer.from(lines.join(''));
}

/** RFC 3339 without a fraction. */
export function secondsText(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
