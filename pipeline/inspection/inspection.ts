import { compareText, type Digest, type DigestAlgorithm, Fault, type Source, withinAsync } from '../core/index.ts';
import type { FileSystemFacts } from '../formats/file-tree/index.ts';
import type { Gpt } from '../formats/gpt/index.ts';
import { type VeritySignature, verifyVeritySignature } from '../formats/verity-signature/index.ts';
import {
  compareUsrHashes,
  findNestedFiles,
  isNodeImage,
  judgeNodeImage,
  judgeSysext,
  type NestedFile,
  type NestedState,
  type NestedSysext,
  type NodeImage,
  openNodeImage,
  type OpenedNodeImage,
  readUsrVerity,
  type Sysext,
  type UsrHashFacts,
  type VerityFacts,
  visitNestedSysexts,
} from '../image/index.ts';
import type { Inventory } from '../inventory/index.ts';
import { type Hashing, readInventory, readSysextContent } from './hashing.ts';

export type InspectionOptions = {
  /** Digests of a whole node image to compute; a sysext always has its SHA-256. */
  readonly digests: readonly DigestAlgorithm[];
  /** PEM certificate that signature partitions must be by; without it a signature is shown and not checked. */
  readonly certificate: string | null;
};

export type PackageCount = { readonly type: string; readonly count: number };

type FileFacts = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string | null;
  readonly sha512: string | null;
  readonly partitions: readonly PartitionFacts[] | null;
  /** What is odd and does not keep the file from being read. */
  readonly problems: readonly string[];
  /** Facts in the file that cannot both be true. None, in a file to build on. */
  readonly contradictions: readonly string[];
  readonly filesystem: FileSystemFacts;
  /** Packages by their purl type, from the bytes. */
  readonly packages: readonly PackageCount[];
  readonly fileCount: number;
};

export type PartitionFacts = {
  readonly number: number;
  readonly label: string;
  readonly typeGuid: string;
  readonly guid: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
};

export type SuperblockFacts = {
  readonly offsetBytes: number;
  readonly hashType: number;
  readonly algorithm: string;
  readonly dataBlockSizeBytes: number;
  readonly hashBlockSizeBytes: number;
  readonly dataBlocks: number;
  readonly salt: string;
  readonly uuid: string;
};

export type NodeImageInspection = FileFacts & {
  readonly kind: 'node-image';
  readonly format: NodeImage['layout'];
  readonly os: {
    readonly id: string;
    readonly versionId: string | null;
    readonly buildId: string | null;
    readonly architecture: string;
    readonly prettyName: string | null;
  };
  readonly usrHash: UsrHashFacts & { readonly superblock: SuperblockFacts | null };
  readonly kernel: {
    readonly path: string;
    readonly sha256: string;
    readonly version: string | null;
    readonly signed: boolean;
    readonly architecture: string;
  } | null;
  readonly sysexts: readonly NestedInspection[];
};

export type SysextInspection = FileFacts & {
  readonly kind: 'sysext';
  readonly format: 'ddi' | FileSystemFacts['format'];
  readonly name: string;
  readonly extensionClass: Sysext['extensionClass'];
  readonly extensionRelease: ExtensionReleaseFacts;
  readonly rootHash: {
    readonly computed: string;
    readonly storedTree: VerityFacts['report']['storedTree'];
    readonly superblock: SuperblockFacts;
    readonly agree: boolean;
  } | null;
  readonly signature: SignatureFacts | null;
};

export type ExtensionReleaseFacts = Readonly<Record<string, string>>;

export type SignatureFacts = {
  readonly rootHash: string;
  readonly certificateFingerprint: string;
  readonly verified: boolean | null;
  readonly signer: string | null;
  readonly problem: string | null;
};

export type NestedInspection = {
  readonly name: string;
  /** What becomes of it when a node boots the image. */
  readonly state: NestedState;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly rootHash: string | null;
  readonly extensionRelease: ExtensionReleaseFacts;
  readonly contradictions: readonly string[];
};

export type Inspection = NodeImageInspection | SysextInspection;

/** Reads everything that the bytes of one file tell. Faults: those of the formats, each with its place. */
export async function inspectFile(source: Source, hashing: Hashing, options: InspectionOptions): Promise<Inspection> {
  return withinAsync(source.name, async () =>
    isNodeImage(source) ? inspectNodeImage(source, hashing, options) : inspectSysext(source, hashing, options),
  );
}

/** Whether nothing in a file speaks against it; a signature counts where a certificate was given to check it with. */
export function isConsistent(inspection: Inspection): boolean {
  return (
    inspection.contradictions.length === 0 &&
    (inspection.kind === 'node-image' || inspection.signature?.verified !== false)
  );
}

async function inspectNodeImage(
  source: Source,
  hashing: Hashing,
  options: InspectionOptions,
): Promise<NodeImageInspection> {
  const opened = openNodeImage(source);
  const { files, directories } = findNestedFiles(opened);
  const [digests, image, { sysexts, inventory }] = await Promise.all([
    hashing.digestSource(source, options.digests),
    readUsrVerity(opened, hashing.hashLeaves),
    readFiles(opened, files, hashing),
  ]);
  const { os, architecture, tree } = image.usr;
  return {
    kind: 'node-image',
    format: image.layout,
    ...fileFacts(source, digests, image.gpt, tree.facts, inventory),
    problems: [...image.problems, ...directories.map((path) => `Nodes merge the directory ${path}: it has no digest`)],
    contradictions: [
      ...judgeNodeImage(image).map(({ message }) => message),
      ...sysexts.flatMap(({ path, contradictions }) => contradictions.map((message) => `${path}: ${message}`)),
    ],
    os: { id: os.id, versionId: os.versionId, buildId: os.buildId, architecture, prettyName: os.prettyName },
    usrHash: { ...compareUsrHashes(image), superblock: superblockFacts(image.usr.verity) },
    kernel: kernelFacts(image),
    sysexts,
  };
}

/** The extensions first: each is in memory as a whole, which is the least while nothing else is. */
async function readFiles({ usr }: OpenedNodeImage, nested: readonly NestedFile[], hashing: Hashing) {
  const sysexts = await visitNestedSysexts(nested, hashing.hashLeaves, describeNested);
  return { sysexts, inventory: await readInventory(usr.tree, hashing) };
}

function kernelFacts({ kernel }: NodeImage): NodeImageInspection['kernel'] {
  if (kernel === null) return null;
  const { version, signed, architecture } = kernel.header;
  return { path: kernel.path, sha256: kernel.sha256.hex, version, signed, architecture };
}

function describeNested({ name, state, path, sizeBytes, sha256, sysext }: NestedSysext): NestedInspection {
  return {
    name,
    state,
    path,
    sizeBytes,
    sha256: sha256.hex,
    format: formatOf(sysext),
    rootHash: sysext.verity?.report.rootHash ?? null,
    extensionRelease: releaseFacts(sysext),
    contradictions: judgeSysext(sysext).map(({ message }) => message),
  };
}

async function inspectSysext(source: Source, hashing: Hashing, options: InspectionOptions): Promise<SysextInspection> {
  const { digests, sysext, inventory } = await readSysextContent(source, null, options.digests, hashing);
  const contradictions = judgeSysext(sysext).map(({ message }) => message);
  return {
    kind: 'sysext',
    format: formatOf(sysext),
    name: sysext.release.name,
    extensionClass: sysext.extensionClass,
    ...fileFacts(source, digests, sysext.gpt, sysext.tree.facts, inventory),
    problems: sysext.problems,
    contradictions,
    extensionRelease: releaseFacts(sysext),
    rootHash: rootHashFacts(sysext, contradictions.length === 0),
    signature: sysext.signature === null ? null : signatureFacts(sysext.signature, options.certificate),
  };
}

function rootHashFacts({ verity }: Sysext, agree: boolean): SysextInspection['rootHash'] {
  const superblock = superblockFacts(verity);
  if (verity === null || superblock === null) return null;
  return { computed: verity.report.rootHash, storedTree: verity.report.storedTree, superblock, agree };
}

function fileFacts(
  source: Source,
  digests: readonly Digest[],
  gpt: Gpt | null,
  filesystem: FileSystemFacts,
  inventory: Inventory,
): Omit<FileFacts, 'problems' | 'contradictions'> {
  const hexOf = (algorithm: DigestAlgorithm) => digests.find((digest) => digest.algorithm === algorithm)?.hex ?? null;
  return {
    path: source.name,
    sizeBytes: source.sizeBytes,
    sha256: hexOf('sha256'),
    sha512: hexOf('sha512'),
    partitions:
      gpt?.partitions.map(({ number, label, typeGuid, guid, offsetBytes, sizeBytes }) => ({
        number,
        label,
        typeGuid,
        guid,
        offsetBytes,
        sizeBytes,
      })) ?? null,
    filesystem,
    packages: countPackages(inventory),
    fileCount: inventory.files.length,
  };
}

/** Counts by the type in the purl: `golang`, `ebuild`. */
function countPackages(inventory: Inventory): readonly PackageCount[] {
  const counts = new Map<string, number>();
  for (const { purl } of inventory.components) {
    const type = purl === null ? undefined : /^pkg:([a-z]+)\//.exec(purl)?.[1];
    if (type !== undefined && type !== 'generic') counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return [...counts].map(([type, count]) => ({ type, count })).sort((a, b) => compareText(a.type, b.type));
}

function superblockFacts(verity: VerityFacts | null): SuperblockFacts | null {
  if (verity === null) return null;
  const { hashType, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, salt, uuid } = verity.superblock;
  return {
    offsetBytes: verity.superblockOffset,
    hashType,
    algorithm,
    dataBlockSizeBytes,
    hashBlockSizeBytes,
    dataBlocks,
    salt,
    uuid,
  };
}

function releaseFacts(sysext: Sysext): ExtensionReleaseFacts {
  return Object.fromEntries(sysext.release.release.fields);
}

function formatOf(sysext: Sysext): SysextInspection['format'] {
  return sysext.layout === 'ddi' ? 'ddi' : sysext.tree.facts.format;
}

/** Without a certificate nobody's signature can be good or bad. */
function signatureFacts(signature: VeritySignature, certificate: string | null): SignatureFacts {
  const { rootHash, certificateFingerprint } = signature;
  if (certificate === null) return { rootHash, certificateFingerprint, verified: null, signer: null, problem: null };
  try {
    const { subject } = verifyVeritySignature(signature, certificate);
    return { rootHash, certificateFingerprint, verified: true, signer: subject, problem: null };
  } catch (error) {
    if (!(error instanceof Fault) || error.code.startsWith('usage.') || error.code.startsWith('key.')) throw error;
    return { rootHash, certificateFingerprint, verified: false, signer: null, problem: error.message };
  }
}
