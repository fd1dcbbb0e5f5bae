/**
 * Keys order every tree of btrfs: object id (u64), type (u8), offset (u64), compared in this order as unsigned numbers.
 * On disk a key is 17 bytes, little endian. Source: btrfs "On-disk format", struct btrfs_disk_key.
 */
export const keyBytes = 17;

/** Item types that this reader knows. Source: Linux include/uapi/linux/btrfs_tree.h. */
export const itemType = {
  inode: 1,
  xattr: 24,
  dirItem: 84,
  dirIndex: 96,
  extentData: 108,
  extentChecksum: 128,
  root: 132,
  rootReference: 156,
  chunk: 228,
} as const;

/** Object ids with a meaning. Those counted from the end of the range are negative here, as in the kernel's header. */
export const objectId = {
  rootTree: 1,
  fileTree: 5,
  rootDirectory: 6,
  checksumTree: 7,
  extentChecksum: -10,
  chunkTree: 256,
} as const;

export const largestOffset = 0xffff_ffff_ffff_ffffn;

/** A key to search for, in its form on disk; `view` is where to write it. */
export function encodeKey(
  objectId: number,
  type: number,
  offset: number | bigint,
  view: DataView = new DataView(new ArrayBuffer(keyBytes)),
): DataView {
  writeU64(view, 0, objectId);
  view.setUint8(8, type);
  if (typeof offset === 'bigint') view.setBigUint64(9, offset, true);
  else writeU64(view, 9, offset);
  return view;
}

/** Without a bigint: searches are frequent. Negative numbers come out as their two's complement. */
function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Negative, zero or positive, as the key in `left` stands before, at or after the key in `right`. */
export function compareKeys(left: DataView, leftAt: number, right: DataView, rightAt: number): number {
  return (
    left.getUint32(leftAt + 4, true) - right.getUint32(rightAt + 4, true) ||
    left.getUint32(leftAt, true) - right.getUint32(rightAt, true) ||
    left.getUint8(leftAt + 8) - right.getUint8(rightAt + 8) ||
    left.getUint32(leftAt + 13, true) - right.getUint32(rightAt + 13, true) ||
    left.getUint32(leftAt + 9, true) - right.getUint32(rightAt + 9, true)
  );
}
