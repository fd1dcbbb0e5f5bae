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

/** The files of a release, and which of them is what. */
export type ReleaseFiles = {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly bundles: readonly { readonly file: string; readonly predicateType: string; readonly subjects: number }[];
  readonly sboms: readonly string[];
  /** All bundles, one a line. */
  readonly bundleLines: string;
  readonly trustPack: string;
  readonly summary: string;
  readonly checksums: string;
};

/** All files of a release; the trust pack, the summary and the checksums are made of the others. Fault: attest.file-name. */
export function collectFiles(
  input: ReleaseInput,
  nodeSet: NodeSet | null,
  sboms: readonly NamedFile[],
  signed: readonly SignedStatement[],
  by: SignerDescription,
): ReleaseFiles {
  const names = {
    bundleLines: `${input.name}.intoto.jsonl`,
    trustPack: `${input.name}.trust-pack.json`,
    summary: `${input.name}.summary.md`,
    checksums: 'SHA256SUMS',
  };
  const bundles = signed.map(({ statement, bundle }) => ({
    name: `${statement.subjectName}.${kindOf(statement.predicateType)}.sigstore.json`,
    bytes: Buffer.concat([bundle, newline]),
  }));
  const made = nameOnce([
    ...sboms,
    ...bundles,
    { name: names.bundleLines, bytes: Buffer.concat(bundles.map(({ bytes }) => bytes)) },
    { name: names.trustPack, bytes: encodePack(input, signed, by) },
  ]);
  const summary = renderSummary(input, nodeSet, by, [...made.keys()].sort());
  made.set(names.summary, Buffer.from(summary));
  made.set(names.checksums, renderChecksums(givenFiles(input), made, names.checksums));
  return {
    files: made,
    bundles: signed.map(({ statement: { predicateType, subjects } }, at) => ({
      file: bundles[at]?.name ?? '',
      predicateType,
      subjects,
    })),
    sboms: sboms.map(({ name }) => name),
    ...names,
  };
}

function kindOf(predicateType: string): 'provenance' | 'node-set' | 'sbom' {
  if (predicateType === provenanceType) return 'provenance';
  return predicateType === nodeSetPredicateType ? 'node-set' : 'sbom';
}

function nameOnce(files: readonly NamedFile[]): Map<string, Uint8Array> {
  const byName = new Map<string, Uint8Array>();
  for (const { name, bytes } of files) {
    if (byName.has(name)) throw refuseName(name);
    byName.set(name, bytes);
  }
  return byName;
}

function refuseName(name: string): Fault {
  return new Fault('attest.file-name', `Cannot write the release: two of its files would be named ${name}`, {
    where: name,
    next: 'Give the set or one of its files another name',
  });
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

/** What was given and read, by name, with its sha256. */
function givenFiles({ image, shipped, sysexts, files }: ReleaseInput): readonly (readonly [string, string])[] {
  return [
    ...[...(image === null ? [] : [image]), ...sysexts].map(
      (artifact) => [artifact.fileName, sha256Of(artifact).hex] as const,
    ),
    ...(shipped === null ? [] : [[shipped.fileName, shipped.sha256.hex] as const]),
    ...files.filter(({ isRead }) => isRead).map(({ name, digests: [sha256] }) => [name, sha256.hex] as const),
  ];
}

/** The given files and everything that was made about them, as sha256sum(1) checks it. Fault: attest.file-name. */
function renderChecksums(
  given: ReturnType<typeof givenFiles>,
  files: ReadonlyMap<string, Uint8Array>,
  ownName: string,
): Uint8Array {
  const [taken] = given.find(([name]) => files.has(name) || name === ownName) ?? [];
  if (taken !== undefined) throw refuseName(taken);
  const made = [...files].map(([name, bytes]) => [name, Digest.of('sha256', bytes).hex] as const);
  const lines = [...given, ...made].sort(([a], [b]) => compareText(a, b)).map(([name, hex]) => `${hex}  ${name}\n`);
  return Buffer.from(lines.join(''));
}

/** RFC 3339 without a fraction. */
export function secondsText(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
