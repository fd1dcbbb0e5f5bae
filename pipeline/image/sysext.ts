import { Fault, type Source } from '../core/index.ts';
import {
  type ExtensionClass,
  type ExtensionReleaseFile,
  listExtensionReleases,
  readExtensionRelease,
} from '../formats/extension-release/index.ts';
import { type FileTree, resolve } from '../formats/file-tree/index.ts';
import {
  discoverableTypes,
  type Gpt,
  isGpt,
  openPartition,
  type Partition,
  partitionType,
  readGpt,
} from '../formats/gpt/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import { parseVeritySignature, type VeritySignature } from '../formats/verity-signature/index.ts';
import { describePartitionGuids } from './contradictions.ts';
import { openFileTree } from './file-system.ts';
import { placeTree } from './placed-tree.ts';
import { readSeparateVerity, type VerityFacts } from './verity.ts';

/** An extension image that was opened: a plain file system, or a DDI with verity and signature partitions. */
export type Sysext = {
  readonly layout: 'plain' | 'ddi';
  readonly gpt: Gpt | null;
  /** As merged: its root holds `usr` (or `etc`), wherever the partition's own root is. */
  readonly tree: FileTree;
  readonly extensionClass: ExtensionClass;
  readonly release: ExtensionReleaseFile;
  readonly verity: VerityFacts | null;
  /** The machine that the type of a DDI's partition is for: systemd mounts it on no other. Null for a plain image. */
  readonly partitionArchitecture: 'x86-64' | 'arm64' | null;
  /** What the signature partition holds. Whose it is has not been checked. */
  readonly signature: VeritySignature | null;
  /** What is odd about the image and does not keep it from being read. */
  readonly problems: readonly string[];
};

/** Bytes of a signature partition: systemd-repart makes 16 KiB. */
const signaturePartitionBytes = 1024 * 1024;

/**
 * Opens an extension image and recomputes its verity root hash where it has one.
 *
 * @param imageName the name under which it is merged, where it is known: then its extension-release must fit it
 * Faults: image.*, gpt.*, verity.*, verity-signature.*, extension-release.*, and those of its file system.
 */
export async function readSysext(source: Source, hashLeaves: LeafHasher, imageName?: string): Promise<Sysext> {
  if (!isGpt(source)) {
    const tree = openFileTree(source);
    return { ...plainLayout, ...describe(tree, imageName) };
  }
  const gpt = readGpt(source);
  const parts = findParts(gpt, source);
  const data = openPartition(source, parts.data);
  const tree = parts.tree === 'usr' ? placeTree(openFileTree(data), 'usr') : openFileTree(data);
  const verity =
    parts.verity === undefined ? null : await readSeparateVerity(data, openPartition(source, parts.verity), hashLeaves);
  const signature = parts.signature === undefined ? null : readSignature(openPartition(source, parts.signature));
  const problems = [
    ...gpt.problems.map((problem) => problem.message),
    ...(verity === null || parts.verity === undefined
      ? []
      : describePartitionGuids(verity.report.rootHash, parts.data, parts.verity)),
    ...parts.unrelated.map(
      ({ number, label }) =>
        `Partition ${number} (${label}) is of a type that does not belong to the data: it protects nothing`,
    ),
  ];
  const partitionArchitecture = parts.architecture;
  return { layout: 'ddi', gpt, verity, partitionArchitecture, signature, problems, ...describe(tree, imageName) };
}

const plainLayout = {
  layout: 'plain',
  gpt: null,
  verity: null,
  partitionArchitecture: null,
  signature: null,
  problems: [],
} as const;

type Parts = {
  readonly tree: 'root' | 'usr';
  readonly architecture: 'x86-64' | 'arm64';
  readonly data: Partition;
  readonly verity: Partition | undefined;
  readonly signature: Partition | undefined;
  /** Verity and signature partitions of another kind or machine than the data: they protect nothing here. */
  readonly unrelated: readonly Partition[];
};

/** The one root or usr partition, with the verity and signature partitions of its kind and architecture. */
function findParts(gpt: Gpt, source: Source): Parts {
  const typed = gpt.partitions.flatMap((partition) => {
    const type = typeOf(partition);
    return type === undefined ? [] : [{ partition, type }];
  });
  const [data, ...others] = typed.filter(({ type }) => type.part === 'data');
  if (data === undefined || others.length > 0) {
    throw new Fault(
      'image.ddi-partitions',
      `Cannot read ${source.name} as an extension: ${data === undefined ? 'no' : 'more than one'} root or usr partition, want exactly one`,
      {
        where: source.name,
        next: 'Images for several architectures in one file are not supported: give one image for each',
      },
    );
  }
  const sibling = (part: 'verity' | 'verity-signature') => {
    const [found, ...more] = typed.filter(
      ({ type }) => type.part === part && type.tree === data.type.tree && type.architecture === data.type.architecture,
    );
    if (more.length > 0)
      throw new Fault(
        'image.ddi-partitions',
        `Cannot read ${source.name} as an extension: more than one ${part} partition`,
        { where: source.name },
      );
    return found?.partition;
  };
  const used = [data.partition, sibling('verity'), sibling('verity-signature')] as const;
  return {
    tree: data.type.tree,
    architecture: data.type.architecture,
    data: data.partition,
    verity: used[1],
    signature: used[2],
    unrelated: typed.map(({ partition }) => partition).filter((partition) => !used.includes(partition)),
  };
}

function typeOf(partition: Partition) {
  return discoverableTypes.find((type) => type.typeGuid === partition.typeGuid);
}

function readSignature(partition: Source): VeritySignature {
  if (partition.sizeBytes > signaturePartitionBytes) {
    throw new Fault(
      'limit.signature-partition',
      `Cannot read ${partition.name}: ${partition.sizeBytes} bytes, want at most ${signaturePartitionBytes}`,
      { where: partition.name },
    );
  }
  return parseVeritySignature(partition.read(0, partition.sizeBytes));
}

function describe(tree: FileTree, imageName: string | undefined): Pick<Sysext, 'tree' | 'extensionClass' | 'release'> {
  const hasNoRelease = listExtensionReleases(tree, 'sysext').length === 0;
  const isConfext = hasNoRelease && listExtensionReleases(tree, 'confext').length > 0;
  if (hasNoRelease && !isConfext && resolve(tree, '/usr/lib/os-release') !== undefined) throw notAnExtension();
  const extensionClass = isConfext ? 'confext' : 'sysext';
  return { tree, extensionClass, release: readExtensionRelease(tree, imageName, extensionClass) };
}

/** A whole operating system in another layout, as mkosi and systemd-repart make them. */
function notAnExtension(): Fault {
  return new Fault(
    'image.layout',
    'Cannot read the image: it holds an operating system, and is neither an extension nor a disk or USR partition in the layout of Flatcar',
    {
      where: '/usr/lib/os-release',
      next: `Give a disk image with a partition of type ${partitionType.flatcarUsr}, or the content of such a partition`,
    },
  );
}
