import { Fault } from '../core/index.ts';
import { parseVerityTarget, type VerityTarget } from '../formats/device-mapper/index.ts';
import type { Evidence, Extension, LoopDevice, MappedDevice } from './evidence.ts';

export type Backing = {
  /** Loop devices that hold the very file that lies there. */
  readonly good: readonly LoopDevice[];
  /** Loop devices over that path or inode that hold something else. */
  readonly stale: readonly LoopDevice[];
};

/**
 * Which loop devices an extension runs from. systemd mounts the file systems of extensions in a mount namespace of its own,
 * so nothing in the mount table leads from the overlay to a device: the backing file and the content do.
 */
export function findBacking(extension: Extension, loops: readonly LoopDevice[]): Backing {
  const related = loops.filter((loop) => isSameFile(loop, extension) || isSamePath(loop, extension));
  return {
    good: related.filter((loop) => isWholeImage(loop) && holds(loop, extension)),
    stale: related.filter((loop) => !holds(loop, extension)),
  };
}

/** What the device shows decides where it could be read; where not, the inode; where that is not told, the path. */
function holds(loop: LoopDevice, extension: Extension): boolean {
  if (loop.deleted) return false;
  if (loop.sha256 !== null && extension.sha256.value !== null) return loop.sha256 === extension.sha256.value;
  return loop.backingInode === null ? isSamePath(loop, extension) : isSameFile(loop, extension);
}

function isSamePath(loop: LoopDevice, { resolvedPath }: Extension): boolean {
  return loop.backingFile === resolvedPath;
}

/**
 * A file in /usr is seen through the overlay of the merge, which gives it a device number of its own (overlayfs.rst,
 * "Inode properties"); the loop device was made before that overlay or over an earlier one. The inode number is the same.
 */
function isSameFile(loop: LoopDevice, { inode, fileDevice, resolvedPath }: Extension): boolean {
  if (loop.backingInode === null || loop.backingInode !== inode) return false;
  const isUnderMerge = resolvedPath?.startsWith('/usr/') === true;
  return isUnderMerge || loop.backingDevice === null || loop.backingDevice === fileDevice;
}

/** As systemd makes them: from the first byte, and gone when nothing uses them. */
export function isWholeImage({ offsetBytes, autoclear }: LoopDevice): boolean {
  return offsetBytes === 0 && autoclear !== false;
}

/** Reads the first target of a mapping as one of verity. What else its table must be is judged. */
export function verityOf(mapping: MappedDevice | null): VerityTarget | null {
  const [target] = mapping?.targets ?? [];
  if (target?.type !== 'verity') return null;
  try {
    return parseVerityTarget(target);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/**
 * The verity mapping that an extension runs from: the kernel's table has its root hash, over a partition of a loop device
 * that holds its file. One over anything else only poses as it.
 */
export function extensionMapping(extension: Extension, evidence: Evidence): MappedDevice | undefined {
  const rootHash = extension.rootHash.value;
  if (rootHash === null) return undefined;
  const { good } = findBacking(extension, evidence.loops);
  return evidence.mappings.find((mapping) => {
    const verity = verityOf(mapping);
    return verity?.rootHash === rootHash && good.some((loop) => isOn(verity, loop));
  });
}

/** Partitions of a loop device are told by /sys; where it tells none, nothing contradicts. */
function isOn({ dataDevice }: VerityTarget, { device, partitions }: LoopDevice): boolean {
  return partitions === null || dataDevice === device || partitions.includes(dataDevice);
}
