import { Digest, Fault, limits, memorySource, type Source, within } from '../core/index.ts';
import { type FileTree, readFile, type TreeNode } from '../formats/file-tree/index.ts';
import { type Gpt, openPartition, type Partition, partitionType } from '../formats/gpt/index.ts';
import { type LinuxKernel, readKernel } from '../formats/linux-kernel/index.ts';
import { openFat } from '../formats/fat/index.ts';
import { kernelPath } from './boot-slot.ts';

/** The kernel in the EFI system partition that boots a given /usr. */
export type BootKernel = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly header: LinuxKernel;
};

/** Reads the kernel; null where the disk has no EFI system partition or no kernel in it. Faults: fat.*, linux-kernel.*, limit.file-bytes. */
export function readBootKernel(gpt: Gpt, disk: Source, usr: Partition): BootKernel | null {
  const partition = gpt.partitions.find((candidate) => candidate.typeGuid === partitionType.efiSystem);
  if (partition === undefined) return null;
  const tree = openFat(openPartition(disk, partition));
  const place = kernelPath(usr);
  const file = findIgnoringCase(tree, place.split('/').slice(1));
  if (file === undefined) return null;
  return describeKernel(readFile(tree, file, limits.kernelBytes, place), place);
}

/** Reads a kernel that lies in a file of its own, as in a mounted EFI partition. Faults: linux-kernel.*, limit.kernel, file.*. */
export function readKernelFile(source: Source): BootKernel {
  const { name, sizeBytes } = source;
  if (sizeBytes > limits.kernelBytes)
    throw new Fault('limit.kernel', `Cannot read ${name}: ${sizeBytes} bytes, want at most ${limits.kernelBytes}`, {
      where: name,
    });
  return describeKernel(source.read(0, sizeBytes), name);
}

function describeKernel(bytes: Uint8Array, place: string): BootKernel {
  return within(place, () => ({
    path: place,
    sizeBytes: bytes.byteLength,
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
