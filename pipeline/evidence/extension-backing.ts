import { Fault } from '../core/index.ts';
import { parseVerityTarget, type VerityTarget } from '../formats/device-mapper/index.ts';
import type { Evidence, Extension, LoopDevice, MappedDevice } from './evidence.ts';
import { isMerge } from './mount-stack.ts';

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
export function findBacking(extension: Extension, { loops, mounts }: Evidence): Backing {
  const isCovered = mounts.some(
    (mount) =>
      (isMerge(mount, 'sysext') || isMerge(mount, 'confext')) &&
      extension.resolvedPath?.startsWith(`${mount.mountPoint}/`) === true,
  );
  const isSame = (loop: LoopDevice) => isSameFile(loop, extension, isCovered);
  const holds = (loop: LoopDevice) =>
    !loop.deleted && (holdsContent(loop, extension) ?? holdsName(loop, extension, isSame));
  const related = loops.filter((loop) => isSame(loop) || isSamePath(loop, extension));
  return {
    good: related.filter((loop) => isWholeImage(loop) && holds(loop)),
    stale: related.filter((loop) => !holds(loop)),
  };
}

/** What the device shows decides; null where it could not be read. */
function holdsContent(loop: LoopDevice, { sha256 }: Extension): boolean | null {
  return loop.sha256 === null || sha256.value === null ? null : loop.sha256 === sha256.value;
}

function holdsName(loop: LoopDevice, extension: Extension, isSame: (loop: LoopDevice) => boolean): boolean {
  return loop.backingInode === null ? isSamePath(loop, extension) : isSame(loop);
}

function isSamePath(loop: LoopDevice, { resolvedPath }: Extension): boolean {
  return loop.backingFile === resolvedPath;
}

/**
 * By inode and device. A file that a merge covers is seen through an overlay, which gives it a device number of its own
 * (overlayfs.rst, "Inode properties"), while the loop device was made before that overlay or over an earlier one: then the
 * inode and the end of the path tell, for a mount that is gone has no place any more.
 */
function isSameFile(loop: LoopDevice, { inode, fileDevice, resolvedPath }: Extension, isCovered: boolean): boolean {
  if (loop.backingInode === null || loop.backingInode !== inode) return false;
  if (loop.backingDevice === null || loop.backingDevice === fileDevice) return true;
  return (
    isCovered && resolvedPath !== null && loop.backingFile.startsWith('/') && resolvedPath.endsWith(loop.backingFile)
  );
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
  const { good } = findBacking(extension, evidence);
  return evidence.mappings.find((mapping) => {
    const verity = verityOf(mapping);
    return verity?.rootHash === rootHash && good.some((loop) => isOn(verity, loop));
  });
}

/** Partitions of a loop device are told by /sys; where it tells none, nothing contradicts. */
function isOn({ dataDevice }: VerityTarget, { device, partitions }: LoopDevice): boolean {
  return partitions === null || dataDevice === device || partitions.includes(dataDevice);
}
