import { Digest, type Json } from '../core/index.ts';
import { inTotoPayloadType } from '../formats/dsse/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import type { ResourceDescriptor } from '../formats/statement/index.ts';
import { type BuildContext, buildProvenance, type ProvenanceInput } from '../provenance/index.ts';
import { buildIdentity, flatcarCommandLine, identityDigest, type NodeSet } from '../release/index.ts';
import { buildBom, type BomDocument } from '../sbom/index.ts';
import { encodeTrustPack } from '../trust/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import { checkSet } from './checks.ts';
import type { Signer } from './signing/index.ts';
import {
  buildNodeSetStatement,
  buildProvenanceStatement,
  buildSbomStatement,
  identityOf,
  sha256Of,
  type ShippedFile,
  type UnsignedStatement,
} from './statements.ts';
import { renderSummary } from './summary.ts';
import { checkUpstream, findUpstream, type UpstreamList } from './upstream.ts';
import { limits } from '../core/index.ts';

export type ReleaseInput = {
  readonly name: string;
  readonly role: string | null;
  readonly validUntil: string | null;
  /** The one time that goes into the documents. */
  readonly time: Date;
  readonly image: ImageArtifact;
  readonly shipped: (ShippedFile & { readonly digests: readonly Digest[] }) | null;
  readonly builtIn: readonly SysextArtifact[];
  readonly sysexts: readonly SysextArtifact[];
  readonly without: readonly string[];
  readonly context: BuildContext;
  readonly upstream: readonly UpstreamList[];
  /** Trusted roots that verifiers will need, for the trust pack. */
  readonly trustedRoots: readonly Json[];
  readonly nodeproofVersion: string;
  readonly progress: (what: string) => void;
};

/** What attest made: files by name, and the facts to tell. */
export type Release = {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly identityDigest: Digest;
  readonly nodeSet: NodeSet;
  readonly statements: number;
};

/**
 * Makes everything that a node set's release consists of: SBOMs → provenance → the node set that pins them → signatures →
 * trust pack, checksums and summary. The same input gives the same bytes, apart from signatures and their times.
 * Faults: attest.*, upstream.*, identity.*, and those of the signer.
 */
export async function attestRelease(input: ReleaseInput, signer: Signer): Promise<Release> {
  const sysexts = [...input.builtIn, ...input.sysexts];
  const members = [input.image, ...sysexts];
  checkSet(input.image, sysexts);
  const identity = buildIdentity(identityOf(input.image, sysexts));
  const dependencies = checkDependencies(input, members);
  const sboms = members.map((member) => renderMemberSbom(member, input));
  const unsigned = members.flatMap((member, at) => {
    const sbom = sboms[at];
    return [
      buildProvenanceStatement(
        member,
        member.kind === 'node-image' ? input.shipped : null,
        buildProvenance(provenanceInput(member, input, dependencies)),
      ),
      ...(sbom === undefined ? [] : [buildSbomStatement(member, sbom.bom, sbom, input.context.builderId)]),
    ];
  });
  const nodeSet = buildNodeSet(input, identity, unsigned);
  const statements = [...unsigned, buildNodeSetStatement(nodeSet, members, input.shipped)];
  const bundles = await signAll(statements, signer, input.progress);
  return {
    files: collectFiles(input, nodeSet, sboms, statements, bundles, signer),
    identityDigest: identityDigest(identity),
    nodeSet,
    statements: statements.length,
  };
}

function buildNodeSet(
  input: ReleaseInput,
  identity: NodeSet['identity'],
  statements: readonly UnsignedStatement[],
): NodeSet {
  const { image } = input;
  return {
    name: input.name,
    role: input.role,
    identity,
    reference: {
      usrVerity: image.usrVerity,
      kernel:
        image.kernel === null
          ? null
          : {
              sha256: image.kernel.sha256.hex,
              version: image.kernel.version,
              embeddedUsrHash: image.kernel.embeddedUsrHash,
            },
      commandLine: flatcarCommandLine,
    },
    validity: { issuedAt: secondsText(input.time), validUntil: input.validUntil },
    statements: statements.map(({ predicateType, subjectName, sha256 }) => ({
      predicateType,
      subject: subjectName,
      sha256,
    })),
  };
}

type MemberSbom = { readonly name: string; readonly bytes: Uint8Array; readonly bom: BomDocument };

function renderMemberSbom(member: ImageArtifact | SysextArtifact, input: ReleaseInput): MemberSbom {
  input.progress(`SBOM of ${member.fileName}`);
  const bom = buildBom(member.sbom, member.inventory, {
    timestamp: input.time,
    tool: { name: 'nodeproof', version: input.nodeproofVersion },
  });
  return { name: `${member.fileName}.cdx.json`, bom, bytes: Buffer.from(`${JSON.stringify(bom, null, 2)}\n`) };
}

function provenanceInput(
  member: ImageArtifact | SysextArtifact,
  input: ReleaseInput,
  dependencies: ReadonlyMap<string, readonly ResourceDescriptor[]>,
): ProvenanceInput {
  return {
    context: input.context,
    parameters: {
      nodeSet: input.name,
      role: input.role,
      image: input.image.fileName,
      shipped: input.shipped?.fileName ?? null,
      sysexts: [...input.sysexts]
        .map(({ name, fileName }) => ({ name, file: fileName }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      without: [...input.without].sort(),
    },
    dependencies: dependencies.get(member.fileName) ?? [],
    byproducts: byproductsOf(member),
    nodeproofVersion: input.nodeproofVersion,
  };
}

/** What was found in the bytes on the way: verity root hashes. */
function byproductsOf(member: ImageArtifact | SysextArtifact): readonly ResourceDescriptor[] {
  const rootHash = member.kind === 'node-image' ? (member.usrVerity?.rootHash ?? null) : member.rootHash;
  if (rootHash === null) return [];
  return [{ name: member.kind === 'node-image' ? 'usr hash' : 'root hash', digest: { dmVerityRootHash: rootHash } }];
}

/** What upstream published about each file, compared; a mismatch refuses the whole set. */
function checkDependencies(
  input: ReleaseInput,
  members: readonly (ImageArtifact | SysextArtifact)[],
): ReadonlyMap<string, readonly ResourceDescriptor[]> {
  const entries = members.map((member) => {
    const files = [
      { fileName: member.fileName, digests: member.digests as readonly Digest[] },
      ...(member.kind === 'node-image' && input.shipped !== null ? [input.shipped] : []),
    ];
    return [
      member.fileName,
      files.flatMap((file) => describeUpstream(file.fileName, file.digests, input.upstream)),
    ] as const;
  });
  return new Map(entries);
}

function describeUpstream(
  fileName: string,
  digests: readonly Digest[],
  lists: readonly UpstreamList[],
): readonly ResourceDescriptor[] {
  const matches = findUpstream(lists, fileName);
  checkUpstream(fileName, digests, matches);
  return matches.flatMap(({ list }) => [
    {
      name: fileName,
      uri: `file:${encodeURIComponent(fileName)}`,
      digest: Object.fromEntries(digests.map((digest) => [digest.algorithm, digest.hex])),
      annotations: {
        nodeproof_verified: list.signedBy !== null,
        list: list.name,
        listSha256: list.sha256,
        ...(list.signedBy === null ? {} : { openpgpFingerprint: list.signedBy.fingerprint }),
      },
    },
  ]);
}

async function signAll(
  statements: readonly UnsignedStatement[],
  signer: Signer,
  progress: (what: string) => void,
): Promise<readonly Uint8Array[]> {
  const bundles: Uint8Array[] = [];
  for (const [at, statement] of statements.entries()) {
    progress(`signing ${at + 1} of ${statements.length}`);
    bundles.push(await signer.signStatement(statement.bytes, inTotoPayloadType));
  }
  return bundles;
}

const bundleNames: Readonly<Record<string, string>> = {
  'https://slsa.dev/provenance/v1': 'provenance',
  'https://nodeproof.dev/attestation/node-set/v1': 'node-set',
};

function collectFiles(
  input: ReleaseInput,
  nodeSet: NodeSet,
  sboms: readonly MemberSbom[],
  statements: readonly UnsignedStatement[],
  bundles: readonly Uint8Array[],
  signer: Signer,
): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>(sboms.map(({ name, bytes }) => [name, bytes]));
  for (const [at, bundle] of bundles.entries()) {
    const statement = statements[at];
    if (statement === undefined) continue;
    const kind = bundleNames[statement.predicateType] ?? 'sbom';
    files.set(`${statement.subjectName}.${kind}.sigstore.json`, Buffer.concat([bundle, newline]));
  }
  files.set(`${input.name}.intoto.jsonl`, Buffer.concat(bundles.flatMap((bundle) => [bundle, newline])));
  files.set(`${input.name}.trust-pack.json`, encodePack(input, bundles, signer));
  files.set(
    `${input.name}.summary.md`,
    Buffer.from(renderSummary(input, nodeSet, signer.by, [...files.keys()].sort())),
  );
  files.set('SHA256SUMS', renderChecksums(input, files));
  return files;
}

const newline = new TextEncoder().encode('\n');

function encodePack(input: ReleaseInput, bundles: readonly Uint8Array[], signer: Signer): Uint8Array {
  return encodeTrustPack({
    name: input.name,
    version: Math.max(1, Math.floor(input.time.getTime() / 1000)),
    issuedAt: secondsText(input.time),
    expiresAt: null,
    trustedRoots: input.trustedRoots,
    publicKeys: signer.by.kind === 'key' ? [signer.by.publicKeyPem] : [],
    bundles: bundles.map((bundle) => parseJsonBytes(bundle, 'bundle', limits.bundleBytes)),
    revocations: [],
  });
}

/** The files of the set and everything that was made about them, as sha256sum(1) checks it. */
function renderChecksums(input: ReleaseInput, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const given = [input.image, ...input.sysexts].map((artifact) => [artifact.fileName, sha256Of(artifact).hex] as const);
  const shipped = input.shipped === null ? [] : [[input.shipped.fileName, input.shipped.sha256.hex] as const];
  const made = [...files].map(([name, bytes]) => [name, Digest.of('sha256', bytes).hex] as const);
  const lines = [...given, ...shipped, ...made]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hex]) => `${hex}  ${name}\n`);
  return Buffer.from(lines.join(''));
}

export function secondsText(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
