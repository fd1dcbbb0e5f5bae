import { Digest, limits, memorySource, type Source, within } from '../core/index.ts';
import { type FileTree, readFile, type TreeNode } from '../formats/file-tree/index.ts';
import { type Gpt, openPartition, type Partition, partitionType } from '../formats/gpt/index.ts';
import { type LinuxKernel, readKernel } from '../formats/linux-kernel/index.ts';
import { openFat } from '../formats/fat/index.ts';

/** The kernel in the EFI system partition that boots a given /usr. */
export type BootKernel = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly header: LinuxKernel;
};

/** Where GRUB looks: vmlinuz-a for this USR partition and vmlinuz-b for any other (Flatcar, build_library/grub.cfg). */
export function kernelPath(usr: Partition): string {
  return `/flatcar/${usr.guid === usrAGuid ? 'vmlinuz-a' : 'vmlinuz-b'}`;
}

const usrAGuid = '7130c94a-213a-4e5a-8e26-6cce9662f132';

/** Reads the kernel; null where the disk has no EFI system partition or no kernel in it. Faults: fat.*, linux-kernel.*, limit.kernel. */
export function readBootKernel(gpt: Gpt, disk: Source, usr: Partition): BootKernel | null {
  const partition = gpt.partitions.find((candidate) => candidate.typeGuid === partitionType.efiSystem);
  if (partition === undefined) return null;
  const tree = openFat(openPartition(disk, partition));
  const place = kernelPath(usr);
  const file = findIgnoringCase(tree, place.split('/').slice(1));
  if (file === undefined) return null;
  const bytes = readFile(tree, file, limits.kernelBytes, place);
  return within(place, () => ({
    path: place,
    sizeBytes: file.sizeBytes,
    sha256: Digest.of('sha256', bytes),
    header: readKernel(memorySource(bytes, place)),
  }));
}

/** FAT names are compared without case, as firmware and GRUB do. */
function findIgnoringCase(tree: FileTree, path: readonly string[]): TreeNode | undefined {
  let node: TreeNode | undefined = tree.root;
  for (const name of path) {
    if (node?.kind !== 'directory') return undefined;
    node = tree.list(node).find((entry) => entry.name.toLowerCase() === name)?.node;
  }
  return node?.kind === 'file' ? node : undefined;
}
