import { Fault, type Source } from '../core/index.ts';
import type { FileTree } from '../formats/file-tree/index.ts';
import { type Gpt, isGpt, openPartition, type Partition, partitionType, readGpt } from '../formats/gpt/index.ts';
import type { OsRelease } from '../formats/os-release/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import { openFileTree, sniffFileSystem } from './file-system.ts';
import { type BootKernel, readBootKernel } from './boot-kernel.ts';
import { readArchitecture, readOsRelease } from './operating-system.ts';
import { placeTree } from './placed-tree.ts';
import { readTrailingVerity, type VerityFacts } from './verity.ts';

/** A node image that was opened: a whole disk, or a bare USR partition as Flatcar's update payload is. */
export type NodeImage = {
  readonly layout: 'disk' | 'usr-partition';
  readonly gpt: Gpt | null;
  readonly usr: UsrPartition;
  /** The kernel that boots this /usr; null for a bare partition. */
  readonly kernel: BootKernel | null;
  /** The other file systems that extensions may lie in, opened when asked for. */
  readonly openOther: (label: 'OEM' | 'ROOT') => FileTree | undefined;
};

export type UsrPartition = {
  /** Null for a bare partition. */
  readonly partition: Partition | null;
  readonly source: Source;
  /** As mounted: everything is below `/usr`. */
  readonly tree: FileTree;
  readonly os: OsRelease;
  /** systemd's word, read from the binaries. */
  readonly architecture: string;
  readonly verity: VerityFacts | null;
};

/** Whether bytes are a node image rather than an extension: a disk with a USR partition, or a file system that is a /usr. */
export function isNodeImage(source: Source): boolean {
  if (isGpt(source))
    return readGpt(source).partitions.some((partition) => partition.typeGuid === partitionType.flatcarUsr);
  if (sniffFileSystem(source) === undefined) return false;
  const tree = openFileTree(source);
  const names = new Set(tree.list(tree.root).map((entry) => entry.name));
  return names.has('lib') && !names.has('usr');
}

/**
 * Opens a node image: partitions by type and label, never by offset; the /usr that would boot; its operating system;
 * its verity tree recomputed from every data block; the kernel with the usr hash that the boot loader passes on.
 * Faults: image.usr, gpt.*, verity.*, linux-kernel.*, os-release.*, and those of the file systems.
 */
export async function readNodeImage(source: Source, hashLeaves: LeafHasher): Promise<NodeImage> {
  if (!isGpt(source)) {
    return {
      layout: 'usr-partition',
      gpt: null,
      kernel: null,
      usr: await readUsr(source, null, hashLeaves),
      openOther: () => undefined,
    };
  }
  const gpt = readGpt(source);
  const partition = choosePartition(gpt, source);
  const usr = await readUsr(openPartition(source, partition), partition, hashLeaves);
  return {
    layout: 'disk',
    gpt,
    usr,
    kernel: readBootKernel(gpt, source, partition),
    openOther: (label) => openLabelled(gpt, source, label),
  };
}

async function readUsr(source: Source, partition: Partition | null, hashLeaves: LeafHasher): Promise<UsrPartition> {
  const bare = openFileTree(source);
  const tree = placeTree(bare, 'usr');
  return {
    partition,
    source,
    tree,
    os: readOsRelease(tree),
    architecture: readArchitecture(tree),
    // Flatcar: the hash tree starts where the file system ends (build_library/disk_util, Verity).
    verity: await readTrailingVerity(source, bare.facts.sizeBytes, hashLeaves),
  };
}

/** The USR partition that the boot loader would take: of those that hold a file system the one of highest priority. */
function choosePartition(gpt: Gpt, source: Source): Partition {
  const filled = gpt.partitions.filter(
    (partition) =>
      partition.typeGuid === partitionType.flatcarUsr &&
      sniffFileSystem(openPartition(source, partition)) !== undefined,
  );
  const [first] = [...filled].sort((a, b) => bootPriority(b) - bootPriority(a) || a.number - b.number);
  if (first === undefined) {
    throw new Fault(
      'image.usr',
      `Cannot read ${source.name} as a node image: no partition of type ${partitionType.flatcarUsr} holds a file system`,
      { where: source.name },
    );
  }
  return first;
}

/** GRUB's gptprio takes bits 48 to 51 of the attributes as priority (Flatcar, grub.cfg). */
function bootPriority(partition: Partition): number {
  return Number((partition.attributes >> 48n) & 0xfn);
}

function openLabelled(gpt: Gpt, source: Source, label: string): FileTree | undefined {
  const partition = gpt.partitions.find((candidate) => candidate.label === label);
  if (partition === undefined) return undefined;
  const content = openPartition(source, partition);
  return sniffFileSystem(content) === undefined ? undefined : openFileTree(content);
}

/** How the ways to know the usr hash of an image compare. */
export type UsrHashFacts = {
  /** Recomputed from every data block; null without verity. */
  readonly computed: string | null;
  readonly kernel: string | null;
  readonly storedTree: VerityFacts['report']['storedTree'] | null;
  /** Null where there is nothing to compare with. */
  readonly agree: boolean | null;
};

export function compareUsrHashes(image: NodeImage): UsrHashFacts {
  const report = image.usr.verity?.report;
  const kernel = image.kernel?.header.embeddedUsrHash ?? null;
  const computed = report?.rootHash ?? null;
  const storedTree = report?.storedTree ?? null;
  const comparisons = [
    ...(kernel === null ? [] : [kernel === computed]),
    ...(storedTree === null || storedTree === 'none' ? [] : [storedTree === 'matches']),
  ];
  return { computed, kernel, storedTree, agree: comparisons.length === 0 ? null : comparisons.every(Boolean) };
}
