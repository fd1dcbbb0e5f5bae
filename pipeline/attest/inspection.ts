import { type Digest, type DigestAlgorithm, Fault, type Source } from '../core/index.ts';
import type { FileSystemFacts } from '../formats/file-tree/index.ts';
import type { Gpt } from '../formats/gpt/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import { type VeritySignature, verifyVeritySignature } from '../formats/verity-signature/index.ts';
import {
  compareUsrHashes,
  isNodeImage,
  type NestedPlace,
  type NodeImage,
  readNodeImage,
  readSysext,
  type Sysext,
  type UsrHashFacts,
  type VerityFacts,
  visitNestedSysexts,
} from '../image/index.ts';
import { collectInventory, type Inventory } from '../inventory/index.ts';

/** Whoever hashes big things: `edge/` does it on all cores. */
export type Hashing = {
  readonly hashLeaves: LeafHasher;
  digestSource(source: Source, algorithms: readonly DigestAlgorithm[]): Promise<readonly Digest[]>;
};

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
  /** What is wrong with the partition table and can be read all the same. */
  readonly problems: readonly string[];
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
  readonly place: NestedPlace;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly rootHash: string | null;
  readonly extensionRelease: ExtensionReleaseFacts;
};

export type Inspection = NodeImageInspection | SysextInspection;

/** Reads everything that the bytes of one file tell. Faults: those of the formats, each with its place. */
export async function inspectFile(source: Source, hashing: Hashing, options: InspectionOptions): Promise<Inspection> {
  return isNodeImage(source) ? inspectNodeImage(source, hashing, options) : inspectSysext(source, hashing, options);
}

async function inspectNodeImage(
  source: Source,
  hashing: Hashing,
  options: InspectionOptions,
): Promise<NodeImageInspection> {
  const digests = hashing.digestSource(source, options.digests);
  const image = await readNodeImage(source, hashing.hashLeaves);
  const { os, architecture, tree } = image.usr;
  const sysexts = await visitNestedSysexts(
    image,
    hashing.hashLeaves,
    ({ name, place, path, sizeBytes, sha256, sysext }) => ({
      name,
      place,
      path,
      sizeBytes,
      sha256: sha256.hex,
      format: formatOf(sysext),
      rootHash: sysext.verity?.report.rootHash ?? null,
      extensionRelease: releaseFacts(sysext),
    }),
  );
  return {
    kind: 'node-image',
    format: image.layout,
    ...fileFacts(source, await digests, image.gpt, tree.facts, collectInventory(tree, { mount: '' })),
    os: { id: os.id, versionId: os.versionId, buildId: os.buildId, architecture, prettyName: os.prettyName },
    usrHash: { ...compareUsrHashes(image), superblock: superblockFacts(image.usr.verity) },
    kernel:
      image.kernel === null
        ? null
        : {
            path: image.kernel.path,
            sha256: image.kernel.sha256.hex,
            version: image.kernel.header.version,
            signed: image.kernel.header.signed,
            architecture: image.kernel.header.architecture,
          },
    sysexts,
  };
}

async function inspectSysext(source: Source, hashing: Hashing, options: InspectionOptions): Promise<SysextInspection> {
  const digests = hashing.digestSource(source, [...new Set<DigestAlgorithm>(['sha256', ...options.digests])]);
  const sysext = await readSysext(source, hashing.hashLeaves);
  const superblock = superblockFacts(sysext.verity);
  return {
    kind: 'sysext',
    format: formatOf(sysext),
    name: sysext.release.name,
    extensionClass: sysext.extensionClass,
    ...fileFacts(source, await digests, sysext.gpt, sysext.tree.facts, collectInventory(sysext.tree, { mount: '' })),
    extensionRelease: releaseFacts(sysext),
    rootHash:
      sysext.verity === null || superblock === null
        ? null
        : {
            computed: sysext.verity.report.rootHash,
            storedTree: sysext.verity.report.storedTree,
            superblock,
            agree:
              sysext.verity.report.storedTree === 'matches' &&
              (sysext.signature === null || sysext.signature.rootHash === sysext.verity.report.rootHash),
          },
    signature: sysext.signature === null ? null : signatureFacts(sysext.signature, options.certificate),
  };
}

function fileFacts(
  source: Source,
  digests: readonly Digest[],
  gpt: Gpt | null,
  filesystem: FileSystemFacts,
  inventory: Inventory,
): FileFacts {
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
    problems: gpt?.problems.map((problem) => problem.message) ?? [],
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
  return [...counts].map(([type, count]) => ({ type, count })).sort((a, b) => (a.type < b.type ? -1 : 1));
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
