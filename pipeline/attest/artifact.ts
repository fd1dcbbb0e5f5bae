import { type Digest, type DigestAlgorithm, Fault, type Source, sliceSource, within } from '../core/index.ts';
import type { ExtensionReleaseFile } from '../formats/extension-release/index.ts';
import type { OsRelease } from '../formats/os-release/index.ts';
import {
  compareUsrHashes,
  isNodeImage,
  type NestedSysext,
  type NodeImage,
  readNodeImage,
  readSysext,
  type Sysext,
  visitNestedSysexts,
} from '../image/index.ts';
import { buildKernel, collectInventory, type Inventory } from '../inventory/index.ts';
import type { UsrVerity } from '../release/index.ts';
import type { SbomArtifact } from '../sbom/index.ts';
import type { Hashing } from './inspection.ts';

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

/**
 * Reads the node image and the extensions that are merged from inside it.
 * Faults: attest.usr-hash where the image contradicts itself, attest.kind, and those of the formats.
 *
 * @param without names of built-in extensions that the set leaves out; each must be there
 */
export async function readImageArtifacts(
  source: Source,
  fileName: string,
  hashing: Hashing,
  { without, algorithms }: { readonly without: readonly string[]; readonly algorithms: readonly DigestAlgorithm[] },
): Promise<{ readonly image: ImageArtifact; readonly builtIn: readonly SysextArtifact[] }> {
  if (!isNodeImage(source))
    throw new Fault('attest.kind', `Cannot attest ${fileName} as the node image: it is not one`, {
      where: fileName,
      next: 'Give extensions with --sysext',
    });
  const whole = hashing.digestSource(source, [...new Set<DigestAlgorithm>(['sha256', ...algorithms])]);
  // Where the image is refused before its digests are there, nobody waits for them any more.
  whole.catch(() => undefined);
  const opened = await readNodeImage(source, hashing.hashLeaves);
  checkUsrHashes(opened, fileName);
  const found = await visitNestedSysexts(opened, hashing.hashLeaves, (nested) =>
    isMerged(nested) && !without.includes(nested.name) ? readNested(nested) : nested.name,
  );
  const names = found.map((one) => (typeof one === 'string' ? one : one.name));
  for (const name of without.filter((candidate) => !names.includes(candidate))) {
    throw new Fault(
      'usage.without',
      `Cannot leave out ${name}: the image has no such extension, it has ${names.length === 0 ? 'none' : names.join(', ')}`,
    );
  }
  const digests = await whole;
  return {
    image: describeImage(opened, fileName, source.sizeBytes, digests, await readUpdatePayload(opened, hashing)),
    builtIn: found.filter((one) => typeof one !== 'string'),
  };
}

/** Extensions of an OEM are linked at boot, on its machines only: they are members where they are given with --sysext. */
function isMerged(nested: NestedSysext): boolean {
  return nested.place !== 'oem';
}

function checkUsrHashes(image: NodeImage, fileName: string): void {
  const { agree, computed, kernel, storedTree } = compareUsrHashes(image);
  if (agree !== false) return;
  throw new Fault(
    'attest.usr-hash',
    `Cannot attest ${fileName}: its usr hash is ${computed ?? 'absent'}, its kernel says ${kernel ?? 'nothing'}, its stored hash tree ${storedTree === 'matches' ? 'matches' : 'differs'}`,
    { where: fileName, next: 'Look at it with nodeproof inspect; take the image from where it was built' },
  );
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
  fileName: string,
  sizeBytes: number,
  digests: readonly Digest[],
  updatePayload: ImageArtifact['updatePayload'],
): ImageArtifact {
  const { os, architecture, tree, verity } = image.usr;
  const { kernel } = image;
  const known =
    kernel === null || kernel.header.version === null
      ? []
      : [
          buildKernel(
            kernel.header.version,
            { path: `/boot${kernel.path}`, technique: 'binary-analysis' },
            kernel.sha256,
          ),
        ];
  const usrHash = verity?.report.rootHash;
  return {
    kind: 'node-image',
    fileName,
    sizeBytes,
    digests: nonEmpty(digests),
    os,
    architecture,
    updatePayload,
    usrVerity: verity === null ? null : usrVerityFacts(verity),
    kernel:
      kernel === null
        ? null
        : {
            path: kernel.path,
            sha256: kernel.sha256,
            version: kernel.header.version,
            embeddedUsrHash: kernel.header.embeddedUsrHash,
          },
    inventory: collectInventory(tree, { mount: '', known }),
    sbom: {
      kind: 'node-image',
      name: os.id,
      version: os.versionId,
      fileName,
      digests: nonEmpty(digests),
      architecture,
      cpe: os.fields.get('CPE_NAME') ?? null,
      properties: new Map(usrHash === undefined ? [] : [['nodeproof:usr-hash', usrHash]]),
    },
  };
}

function usrVerityFacts({ superblock, report }: NonNullable<NodeImage['usr']['verity']>): UsrVerity {
  const { algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, hashType, salt } = superblock;
  return { rootHash: report.rootHash, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, hashType, salt };
}

function readNested({ name, path, sizeBytes, sha256, sysext }: NestedSysext): SysextArtifact {
  return describeSysext(sysext, { name, fileName: `${name}.raw`, sizeBytes, digests: [sha256], path });
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
  const digests = await hashing.digestSource(source, [...new Set<DigestAlgorithm>(['sha256', ...algorithms])]);
  const sysext = await readSysext(source, hashing.hashLeaves, name ?? undefined);
  return within(fileName, () =>
    describeSysext(sysext, {
      name: name ?? sysext.release.name,
      fileName,
      sizeBytes: source.sizeBytes,
      digests: nonEmpty(digests),
      path: null,
    }),
  );
}

type Placed = Pick<SysextArtifact, 'name' | 'fileName' | 'sizeBytes' | 'digests' | 'path'>;

function describeSysext(sysext: Sysext, placed: Placed): SysextArtifact {
  const { verity, signature, release, tree, extensionClass } = sysext;
  checkRootHashes(sysext, placed.fileName);
  const rootHash = verity?.report.rootHash ?? null;
  return {
    kind: 'sysext',
    extensionClass,
    ...placed,
    rootHash,
    release,
    inventory: collectInventory(tree, { mount: '' }),
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

function checkRootHashes({ verity, signature }: Sysext, fileName: string): void {
  if (verity === null) return;
  const { rootHash, storedTree } = verity.report;
  if (storedTree !== 'matches' && storedTree !== 'none') {
    throw new Fault('attest.root-hash', `Cannot attest ${fileName}: its stored hash tree differs from its data`, {
      where: fileName,
      next: 'Look at it with nodeproof inspect; build it again',
    });
  }
  if (signature !== null && signature.rootHash !== rootHash) {
    throw new Fault(
      'attest.root-hash',
      `Cannot attest ${fileName}: its root hash is ${rootHash}, its signature partition is over ${signature.rootHash}`,
      { where: fileName, next: 'Build it again' },
    );
  }
}

function nonEmpty(digests: readonly Digest[]): readonly [Digest, ...Digest[]] {
  const [first, ...rest] = digests;
  if (first === undefined) throw new TypeError('Cannot happen: no digest was computed');
  return [first, ...rest];
}
