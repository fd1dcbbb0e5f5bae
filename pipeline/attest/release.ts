import { compareText, type Digest } from '../core/index.ts';
import type { ResourceDescriptor } from '../formats/statement/index.ts';
import { type BuildContext, buildProvenance, type ProvenanceInput } from '../provenance/index.ts';
import { buildIdentity, flatcarCommandLine, identityDigest, type NodeSet, parseNodeSet } from '../release/index.ts';
import { buildBom, type BomDocument } from '../sbom/index.ts';
import type { TrustedRootCandidate } from '../trust/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import { checkPlainFiles, checkSet } from './checks.ts';
import { type SignedStatement, signVerified } from './own-verification.ts';
import { distinctFiles, type PlainFile, splitFiles } from './plain-files.ts';
import { collectFiles, type NamedFile, type ReleaseFiles, secondsText } from './release-files.ts';
import type { Signer } from './signing/index.ts';
import {
  buildFilesStatement,
  buildNodeSetStatement,
  buildProvenanceStatement,
  buildSbomStatement,
  identityOf,
  type ShippedFile,
  type UnsignedStatement,
} from './statements.ts';
import { compareUpstream, type UpstreamList } from './upstream.ts';

export type ReleaseInput = {
  readonly name: string;
  readonly role: string | null;
  /** RFC 3339 in UTC. */
  readonly validUntil: string | null;
  /** The one time that goes into the documents. */
  readonly time: Date;
  /** Null where extensions and files are attested on their own: then there is no node set. */
  readonly image: ImageArtifact | null;
  readonly shipped: (ShippedFile & { readonly digests: readonly Digest[] }) | null;
  readonly builtIn: readonly SysextArtifact[];
  readonly sysexts: readonly SysextArtifact[];
  readonly without: readonly string[];
  /** Further files, attested plainly. */
  readonly files: readonly PlainFile[];
  readonly context: BuildContext;
  readonly upstream: readonly UpstreamList[];
  /** Trusted roots that verifiers will need: for the trust pack, and to verify what is signed before it is released. */
  readonly trustedRoots: readonly TrustedRootCandidate[];
  /** Bytes above which a statement holds a reference to its SBOM instead of the SBOM. */
  readonly storedStatementBytes: number;
  readonly nodeproofVersion: string;
  /** What whoever reads the summary should know of this run. */
  readonly notes: readonly string[];
  readonly progress: (what: string) => void;
};

/** What attest made: files by name, and the facts to tell. */
export type Release = ReleaseFiles & {
  /** Null without an image, as the node set is. */
  readonly identityDigest: Digest | null;
  readonly nodeSet: NodeSet | null;
  readonly statements: number;
  /** Whether every bundle was verified; false where no trusted root tells whose witness counts. */
  readonly isVerified: boolean;
};

/**
 * Makes everything that a release consists of: SBOMs → provenance → the node set that pins them → provenance of the files
 * beside it → signatures, each verified → trust pack, checksums and summary. The same input gives the same bytes, apart
 * from signatures and their times.
 * Faults: attest.*, upstream.*, usage.upstream, usage.subject, limit.*, identity.*, node-set.field, and those of the signer.
 */
export async function attestRelease(given: ReleaseInput, signer: Signer): Promise<Release> {
  const { image, shipped } = given;
  const sysexts = [...given.builtIn, ...given.sysexts];
  const members = [...(image === null ? [] : [image]), ...sysexts];
  checkSet(image, sysexts, shipped);
  const input = { ...given, files: distinctFiles(given.files, members, shipped) };
  checkPlainFiles(input.files);
  const identity = image === null ? null : buildIdentity(identityOf(image, sysexts));
  const dependencies = compareUpstream([...members, ...input.files.map(asListed)], shipped, input.upstream);
  const sboms = members.map((member) => renderMemberSbom(member, input));
  const about = [
    ...members.map((member) => buildMemberProvenance(member, input, dependencies.get(member.fileName) ?? [])),
    ...sboms.map(({ member, bom, file }) => buildSbomStatement(member, bom, file, input)),
  ];
  const nodeSet = image === null || identity === null ? null : buildNodeSet(input, image, identity, about);
  const statements = [
    ...about,
    ...(nodeSet === null ? [] : [buildNodeSetStatement(nodeSet, members, shipped)]),
    ...buildFileProvenance(input, dependencies),
  ];
  const signed = await signAll(statements, signer, input);
  const files = sboms.map(({ file }) => file);
  return {
    ...collectFiles(input, nodeSet, files, signed, signer.by),
    identityDigest: identity === null ? null : identityDigest(identity),
    nodeSet,
    statements: statements.length,
    isVerified: signed.every(({ isVerified }) => isVerified),
  };
}

function asListed({ name, digests }: PlainFile) {
  return { kind: 'file', fileName: name, digests } as const;
}

function buildNodeSet(
  input: ReleaseInput,
  { usrVerity, kernel }: ImageArtifact,
  identity: NodeSet['identity'],
  statements: readonly UnsignedStatement[],
): NodeSet {
  return parseNodeSet({
    name: input.name,
    role: input.role,
    identity,
    reference: {
      usrVerity,
      kernel:
        kernel === null
          ? null
          : { sha256: kernel.sha256.hex, version: kernel.version, embeddedUsrHash: kernel.embeddedUsrHash },
      commandLine: flatcarCommandLine,
    },
    validity: { issuedAt: secondsText(input.time), validUntil: input.validUntil },
    statements: statements.map(({ predicateType, subjectName, sha256 }) => ({
      predicateType,
      subject: subjectName,
      sha256,
    })),
  });
}

type MemberSbom = {
  readonly member: ImageArtifact | SysextArtifact;
  readonly bom: BomDocument;
  readonly file: NamedFile;
};

function renderMemberSbom(member: ImageArtifact | SysextArtifact, input: ReleaseInput): MemberSbom {
  input.progress(`SBOM of ${member.fileName}`);
  const bom = buildBom(member.sbom, member.inventory, {
    timestamp: input.time,
    tool: { name: 'nodeproof', version: input.nodeproofVersion },
  });
  const bytes = Buffer.from(`${JSON.stringify(bom, null, 2)}\n`);
  return { member, bom, file: { name: `${member.fileName}.cdx.json`, bytes } };
}

function buildMemberProvenance(
  member: ImageArtifact | SysextArtifact,
  input: ReleaseInput,
  dependencies: readonly ResourceDescriptor[],
): UnsignedStatement {
  const provenance = buildProvenance({
    context: input.context,
    parameters: provenanceParameters(input),
    dependencies: [...originOf(member, input.image), ...dependencies],
    byproducts: byproductsOf(member),
    nodeproofVersion: input.nodeproofVersion,
  });
  return buildProvenanceStatement(member, member.kind === 'node-image' ? input.shipped : null, provenance);
}

/** What rides along with the set, or is all there is. No node needs it, so that the node set does not pin it. */
function buildFileProvenance(
  input: ReleaseInput,
  dependencies: ReadonlyMap<string, readonly ResourceDescriptor[]>,
): readonly UnsignedStatement[] {
  return splitFiles(input.name, input.files).map(({ subjectName, files }) => {
    const provenance = buildProvenance({
      context: input.context,
      parameters: provenanceParameters(input),
      dependencies: files.flatMap(({ name }) => dependencies.get(name) ?? []),
      byproducts: [],
      nodeproofVersion: input.nodeproofVersion,
    });
    return buildFilesStatement(subjectName, files, provenance);
  });
}

/** An extension that was not given on its own was taken out of the image. */
function originOf(member: ImageArtifact | SysextArtifact, image: ImageArtifact | null): readonly ResourceDescriptor[] {
  if (member.kind === 'node-image' || member.path === null || image === null) return [];
  const [sha256] = image.digests;
  return [
    {
      name: image.fileName,
      uri: `file:${encodeURIComponent(image.fileName)}`,
      digest: { sha256: sha256.hex },
      annotations: { nodeproof_verified: true, path: member.path },
    },
  ];
}

/** What the one who ran attest chose: its options, lists in an order of their own. */
function provenanceParameters(input: ReleaseInput): ProvenanceInput['parameters'] {
  return {
    nodeSet: input.name,
    role: input.role,
    image: input.image?.fileName ?? null,
    shipped: input.shipped?.fileName ?? null,
    sysexts: input.sysexts
      .map(({ name, fileName }) => ({ name, file: fileName }))
      .sort((a, b) => compareText(a.name, b.name)),
    without: [...input.without].sort(),
    files: input.files.map(({ name }) => name),
  };
}

/** What was found in the bytes on the way: verity root hashes. */
function byproductsOf(member: ImageArtifact | SysextArtifact): readonly ResourceDescriptor[] {
  const rootHash = member.kind === 'node-image' ? (member.usrVerity?.rootHash ?? null) : member.rootHash;
  if (rootHash === null) return [];
  return [{ name: member.kind === 'node-image' ? 'usr hash' : 'root hash', digest: { dmVerityRootHash: rootHash } }];
}

/** Each signature waits for a log and a clock: several wait together. */
const signaturesAtOnce = 4;

async function signAll(
  statements: readonly UnsignedStatement[],
  signer: Signer,
  { trustedRoots, progress }: ReleaseInput,
): Promise<readonly SignedStatement[]> {
  const signed: SignedStatement[] = [];
  const waiting = [...statements.entries()].reverse();
  const signNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [at, statement] = next;
      progress(`signing ${at + 1} of ${statements.length}`);
      signed[at] = await signVerified(statement, signer, trustedRoots);
    }
  };
  try {
    await Promise.all(Array.from({ length: signaturesAtOnce }, signNext));
  } finally {
    // After a failure nothing more is signed.
    waiting.length = 0;
  }
  return signed;
}
