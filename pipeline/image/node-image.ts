import { Fault, type Source } from '../core/index.ts';
import { type FileTree, resolve } from '../formats/file-tree/index.ts';
import { type Gpt, isGpt, openPartition, type Partition, partitionType, readGpt } from '../formats/gpt/index.ts';
import type { OsRelease } from '../formats/os-release/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import { openFileTree, sniffFileSystem } from './file-system.ts';
import { type BootKernel, readBootKernel } from './boot-kernel.ts';
import { isUsr, kernelPath, readBootFlags } from './boot-slot.ts';
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
  /** The other file systems that extensions may lie in; null where the disk has none under that label. */
  readonly oem: FileTree | null;
  readonly root: FileTree | null;
  /** What is odd about the disk and does not keep it from being read. */
  readonly problems: readonly string[];
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

/**
 * Whether bytes are a node image rather than an extension: a disk with a USR partition, or a file system that is a /usr.
 * Faults: those of gpt and of the file systems.
 */
export function isNodeImage(source: Source): boolean {
  if (isGpt(source)) return readGpt(source).partitions.some(isUsr);
  if (sniffFileSystem(source) === undefined) return false;
  const tree = openFileTree(source);
  return resolve(tree, '/usr') === undefined && resolve(tree, '/lib/os-release') !== undefined;
}

/** A node image whose verity tree was not recomputed yet. */
export type OpenedNodeImage = Omit<NodeImage, 'usr'> & { readonly usr: Omit<UsrPartition, 'verity'> };

/**
 * Opens a node image: partitions by type and label, never by offset; the /usr that would boot; its operating system; the
 * kernel with the usr hash that the boot loader passes on.
 * Faults: image.usr, image.label, gpt.*, linux-kernel.*, os-release.*, and those of the file systems.
 * Whether the image agrees with itself is judged by judgeNodeImage.
 */
export function openNodeImage(source: Source): OpenedNodeImage {
  if (!isGpt(source)) return openUsrPartition(source);
  const gpt = readGpt(source);
  const { partition, others } = chooseUsr(gpt, source);
  const [oem, root] = [openLabelled(gpt, source, 'OEM'), openLabelled(gpt, source, 'ROOT')];
  const kernel = readBootKernel(gpt, source, partition);
  return {
    layout: 'disk',
    gpt,
    usr: openUsr(openPartition(source, partition), partition),
    kernel,
    oem: oem.tree,
    root: root.tree,
    problems: [
      ...gpt.problems.map((problem) => problem.message),
      ...others.map(
        ({ number, label }) =>
          `Partition ${number} (${label}) holds another /usr: a node boots partition ${partition.number} first, which is the one described here`,
      ),
      ...(kernel === null
        ? [`The disk has no kernel for this /usr: no ${kernelPath(partition)} in an EFI partition`]
        : []),
      ...oem.problems,
      ...root.problems,
    ],
  };
}

/** Opens the bytes of a USR partition, whatever else they may look like. Faults: as openNodeImage. */
export function openUsrPartition(source: Source): OpenedNodeImage {
  return {
    layout: 'usr-partition',
    gpt: null,
    kernel: null,
    usr: openUsr(source, null),
    oem: null,
    root: null,
    problems: [],
  };
}

function openUsr(source: Source, partition: Partition | null): OpenedNodeImage['usr'] {
  const tree = placeTree(openFileTree(source), 'usr');
  return { partition, source, tree, os: readOsRelease(tree), architecture: readArchitecture(tree) };
}

/**
 * Recomputes the verity tree of /usr from every data block: the slow part, which other cores do while the caller reads
 * the files. Faults: verity.*.
 */
export async function readUsrVerity(opened: OpenedNodeImage, hashLeaves: LeafHasher): Promise<NodeImage> {
  const { source, tree } = opened.usr;
  // Flatcar: the hash tree starts where the file system ends (build_library/disk_util, Verity).
  const verity = await readTrailingVerity(source, roundUp(tree.facts.sizeBytes, hashAlignment), hashLeaves);
  return { ...opened, usr: { ...opened.usr, verity } };
}

/** Opens a node image and recomputes its verity tree. */
export async function readNodeImage(source: Source, hashLeaves: LeafHasher): Promise<NodeImage> {
  return readUsrVerity(openNodeImage(source), hashLeaves);
}

/** mksquashfs counts the bytes it used; a hash tree starts at the next block (veritysetup(8), --hash-offset). */
const hashAlignment = 4096;

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** The USR partition that the boot loader would take: of those that hold a file system the one of highest priority. */
function chooseUsr(gpt: Gpt, source: Source): { readonly partition: Partition; readonly others: readonly Partition[] } {
  const filled = gpt.partitions.filter(
    (partition) => isUsr(partition) && sniffFileSystem(openPartition(source, partition)) !== undefined,
  );
  const priority = (partition: Partition) => readBootFlags(partition).priority;
  const [first, ...others] = [...filled].sort((a, b) => priority(b) - priority(a) || a.number - b.number);
  if (first === undefined) {
    throw new Fault(
      'image.usr',
      `Cannot read ${source.name} as a node image: no partition of type ${partitionType.flatcarUsr} holds a file system`,
      { where: source.name },
    );
  }
  return { partition: first, others };
}

type Labelled = { readonly tree: FileTree | null; readonly problems: readonly string[] };

function openLabelled(gpt: Gpt, source: Source, label: 'OEM' | 'ROOT'): Labelled {
  const [partition, second] = gpt.partitions.filter((candidate) => candidate.label === label);
  if (partition === undefined) return { tree: null, problems: [] };
  if (second !== undefined)
    throw new Fault(
      'image.label',
      `Cannot read ${source.name}: partitions ${partition.number} and ${second.number} are both labelled ${label}`,
      { where: source.name },
    );
  const content = openPartition(source, partition);
  if (sniffFileSystem(content) !== undefined) return { tree: openFileTree(content), problems: [] };
  return {
    tree: null,
    problems: [
      `Partition ${partition.number} (${label}) holds no file system that can be read: extensions in it are not listed`,
    ],
  };
}
