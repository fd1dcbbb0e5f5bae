import { type Digest, type DigestAlgorithm, Fault, type Source, sliceSource, withinAsync } from '../core/index.ts';
import type { ExtensionReleaseFile } from '../formats/extension-release/index.ts';
import type { OsRelease } from '../formats/os-release/index.ts';
import {
  type Contradiction,
  describeVerity,
  findNestedFiles,
  isNodeImage,
  judgeNodeImage,
  judgeSysext,
  type NestedSysext,
  type NodeImage,
  openNodeImage,
  type OpenedNodeImage,
  readUsrVerity,
  type Sysext,
  visitNestedSysexts,
} from '../image/index.ts';
import { type Hashing, readInventory, readSysextContent, withSha256 } from '../inspection/index.ts';
import { buildKernel, type Inventory } from '../inventory/index.ts';
import type { UsrVerity } from '../release/index.ts';
import type { SbomArtifact } from '../sbom/index.ts';

/** A file of a node set, read: what the attestations about it are made of. */
export type Artifact = {
  /** Its file's name: `kubernetes.raw`. */
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly digests: readonly [Digest, ...Digest[]];
  readonly sbom: SbomArtifact;
  readonly inventory: Inventory;
};

export type ImageArtifact = Artifact & {
  readonly kind: 'node-image';
  readonly os: OsRelease;
  readonly architecture: string;
  readonly usrVerity: UsrVerity | null;
  readonly kernel: {
    readonly path: string;
    readonly sha256: Digest;
    readonly version: string | null;
    readonly embeddedUsrHash: string | null;
  } | null;
  /** SHA-256 of file system and hash tree: what Flatcar ships as update payload. */
  readonly updatePayload: { readonly sha256: Digest; readonly sizeBytes: number } | null;
};

export type SysextArtifact = Artifact & {
  readonly kind: 'sysext';
  readonly extensionClass: Sysext['extensionClass'];
  /** The name under which systemd merges it. */
  readonly name: string;
  readonly rootHash: string | null;
  readonly release: ExtensionReleaseFile;
  /** Where it lies in the node image; null where it was given on its own. */
  readonly path: string | null;
};

type ImageOptions = {
  /** Names of built-in extensions that nodes of the set mask; each must be there. */
  readonly without: readonly string[];
  readonly algorithms: readonly DigestAlgorithm[];
};

export type ImageArtifacts = { readonly image: ImageArtifact; readonly builtIn: readonly SysextArtifact[] };

/**
 * Reads the node image and the extensions that are merged from inside it.
 * Faults: image.* where the image contradicts itself, attest.kind, attest.directory-extension, usage.without, and those of
 * the formats.
 */
export async function readImageArtifacts(
  source: Source,
  fileName: string,
  hashing: Hashing,
  { without, algorithms }: ImageOptions,
): Promise<ImageArtifacts> {
  return withinAsync(fileName, async () => {
    if (!isNodeImage(source))
      throw new Fault('attest.kind', `Cannot use ${fileName} as the node image: it is none`, {
        next: 'Give extensions with --sysext',
      });
    // One thread hashes the image from its first byte to its last, which takes longest: all else happens beside it.
    const hashed = hashing.digestSource(source, withSha256(algorithms));
    const [digests, { image, builtIn, ...content }] = await Promise.all([
      hashed,
      readImageContent(openNodeImage(source), fileName, hashing, without),
    ]);
    const facts = { fileName, sizeBytes: source.sizeBytes, digests: nonEmpty(digests), ...content };
    return { image: describeImage(image, facts), builtIn };
  });
}

/** All but the digest of the whole. */
async function readImageContent(
  opened: OpenedNodeImage,
  fileName: string,
  hashing: Hashing,
  without: readonly string[],
) {
  const [image, inventory] = await Promise.all([
    readUsrVerity(opened, hashing.hashLeaves),
    readInventory(opened.usr.tree, hashing, kernelComponents(opened)),
  ]);
  refuseContradiction(fileName, judgeNodeImage(image));
  const [updatePayload, builtIn] = await Promise.all([
    readUpdatePayload(image, hashing),
    visitNestedSysexts(chooseBuiltIn(image, without), hashing.hashLeaves, (nested) =>
      readNested(nested, fileName, hashing),
    ),
  ]);
  return { image, inventory, updatePayload, builtIn };
}

/** The extensions that a node of the set merges from inside the image. One in a directory has no digest to attest. */
function chooseBuiltIn(image: NodeImage, without: readonly string[]) {
  const { files, directories } = findNestedFiles(image);
  const merged = files.filter(({ state }) => state === 'merged');
  const names = merged.map(({ name }) => name);
  for (const name of without.filter((candidate) => !names.includes(candidate))) {
    throw new Fault(
      'usage.without',
      `Cannot leave out ${JSON.stringify(name)}: the image merges no such extension, it merges ${names.length === 0 ? 'none' : names.join(', ')}`,
    );
  }
  const [directory] = directories;
  if (directory !== undefined)
    throw new Fault(
      'attest.directory-extension',
      `Cannot attest the image: nodes merge the directory ${directory}, which has no digest`,
      { where: directory, next: 'Make it an image file: mksquashfs DIRECTORY NAME.raw' },
    );
  return merged.filter(({ name }) => !without.includes(name));
}

function refuseContradiction(fileName: string, [first]: readonly Contradiction[]): void {
  if (first === undefined) return;
  throw new Fault(first.code, `Cannot use ${fileName}: it contradicts itself. ${first.message}`, { next: first.next });
}

async function readUpdatePayload(image: NodeImage, hashing: Hashing): Promise<ImageArtifact['updatePayload']> {
  const { usr, layout } = image;
  if (layout !== 'disk' || usr.verity === null) return null;
  const sizeBytes = usr.verity.report.treeEndOffset;
  const [sha256] = await hashing.digestSource(sliceSource(usr.source, 0, sizeBytes, 'update payload'), ['sha256']);
  return sha256 === undefined ? null : { sha256, sizeBytes };
}

function describeImage(
  image: NodeImage,
  facts: Pick<ImageArtifact, 'fileName' | 'sizeBytes' | 'digests' | 'inventory' | 'updatePayload'>,
): ImageArtifact {
  const { os, architecture, verity } = image.usr;
  const usrHash = verity?.report.rootHash;
  return {
    kind: 'node-image',
    ...facts,
    os,
    architecture,
    usrVerity: verity === null ? null : describeVerity(verity),
    kernel: kernelFacts(image),
    sbom: {
      kind: 'node-image',
      name: os.id,
      version: os.versionId,
      fileName: facts.fileName,
      digests: facts.digests,
      architecture,
      cpe: os.fields.get('CPE_NAME') ?? null,
      properties: new Map(usrHash === undefined ? [] : [['nodeproof:usr-hash', usrHash]]),
    },
  };
}

function kernelFacts({ kernel }: NodeImage): ImageArtifact['kernel'] {
  if (kernel === null) return null;
  const { version, embeddedUsrHash } = kernel.header;
  return { path: kernel.path, sha256: kernel.sha256, version, embeddedUsrHash };
}

/** The kernel as a component, found outside of /usr. */
function kernelComponents({ kernel }: OpenedNodeImage) {
  if (kernel === null || kernel.header.version === null) return [];
  const evidence = { path: `/boot${kernel.path}`, technique: 'binary-analysis' } as const;
  return [buildKernel(kernel.header.version, evidence, kernel.sha256)];
}

/** Named after its image as well: the images for two architectures have extensions of one name, and may stand in one release. */
async function readNested(
  { name, path, sizeBytes, sha256, sysext }: NestedSysext,
  imageFileName: string,
  hashing: Hashing,
): Promise<SysextArtifact> {
  const inventory = await readInventory(sysext.tree, hashing);
  const fileName = `${imageFileName}.${name}.raw`;
  return describeSysext(sysext, { name, fileName, sizeBytes, digests: [sha256], path, inventory });
}

/**
 * Reads an extension that was given on its own.
 *
 * @param name the name it is merged under where it was given; else that of its one extension-release
 */
export async function readSysextArtifact(
  source: Source,
  fileName: string,
  name: string | null,
  hashing: Hashing,
  algorithms: readonly DigestAlgorithm[],
): Promise<SysextArtifact> {
  return withinAsync(fileName, async () => {
    const { digests, sysext, inventory } = await readSysextContent(source, name, algorithms, hashing);
    return describeSysext(sysext, {
      name: name ?? sysext.release.name,
      fileName,
      sizeBytes: source.sizeBytes,
      digests: nonEmpty(digests),
      path: null,
      inventory,
    });
  });
}

type Placed = Pick<SysextArtifact, 'name' | 'fileName' | 'sizeBytes' | 'digests' | 'path' | 'inventory'>;

function describeSysext(sysext: Sysext, placed: Placed): SysextArtifact {
  const { verity, signature, release, extensionClass } = sysext;
  refuseContradiction(placed.fileName, judgeSysext(sysext));
  const rootHash = verity?.report.rootHash ?? null;
  return {
    kind: 'sysext',
    extensionClass,
    ...placed,
    rootHash,
    release,
    sbom: {
      kind: 'sysext',
      name: placed.name,
      version: release.release.fields.get('SYSEXT_VERSION_ID') ?? null,
      fileName: placed.fileName,
      digests: placed.digests,
      architecture: release.release.architecture === '_any' ? null : release.release.architecture,
      properties: new Map([
        ...(rootHash === null ? [] : [['nodeproof:root-hash', rootHash] as const]),
        ...(signature === null ? [] : [['nodeproof:verity-certificate', signature.certificateFingerprint] as const]),
      ]),
    },
  };
}

function nonEmpty(digests: readonly Digest[]): readonly [Digest, ...Digest[]] {
  const [first, ...rest] = digests;
  if (first === undefined) throw new TypeError('Cannot happen: no digest was computed');
  return [first, ...rest];
}
