import { Fault, limits } from '../../core/index.ts';
import type { NodeKind } from '../file-tree/index.ts';
import { itemType } from './key.ts';
import type { Item, Tree } from './search.ts';

export type Inode = {
  readonly kind: NodeKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  readonly device: { readonly major: number; readonly minor: number } | undefined;
  /** BTRFS_INODE_NODATASUM: its data has no checksums. */
  readonly unsummed: boolean;
};

const noDataSum = 1n;

/** The upper bits of a mode, S_IFMT, as Linux numbers them. */
const kindsByMode: Readonly<Record<number, NodeKind>> = {
  0o01: 'fifo',
  0o02: 'character-device',
  0o04: 'directory',
  0o06: 'block-device',
  0o10: 'file',
  0o12: 'symlink',
  0o14: 'socket',
};

/** Reads an inode of a subvolume. Faults: btrfs.inode, limit.file-bytes, limit.path, bytes.*, those of nodes. */
export function readInode(tree: Tree, number: number): Inode {
  const item = tree.item(number, itemType.inode, 0);
  if (item === undefined) throw new Fault('btrfs.inode', `Cannot read btrfs: inode ${number} does not exist`);
  return parseInode(item, number);
}

/** struct btrfs_inode_item. */
function parseInode(item: Item, number: number): Inode {
  const r = item.reader(`inode ${number}`);
  r.skip(8 + 8, 'generation and transid');
  const size = r.u64le('size');
  r.skip(8 + 8 + 4, 'nbytes, block_group and nlink');
  const uid = r.u32le('uid');
  const gid = r.u32le('gid');
  const mode = r.u32le('mode');
  const kind = kindsByMode[mode >>> 12];
  if (kind === undefined) throw r.fault('btrfs.inode', 'mode', `0${mode.toString(8)} is of no known kind`);
  const device = r.u64leBig('rdev');
  const flags = r.u64leBig('flags');
  r.skip(8 + 32 + 12 + 12, 'sequence, reserved, atime and ctime');
  const modifiedAt = Number(BigInt.asIntN(64, r.u64leBig('mtime.sec')));
  r.skip(4 + 12, 'mtime.nsec and otime');
  r.end();
  if (kind === 'file' && size > limits.fileBytes)
    throw r.fault('limit.file-bytes', 'size', `${size}, want at most ${limits.fileBytes}`);
  if (kind === 'symlink' && size > limits.pathBytes)
    throw r.fault('limit.path', 'size', `${size}, want at most ${limits.pathBytes}`);
  return {
    kind,
    mode: mode & 0o7777,
    uid,
    gid,
    sizeBytes: kind === 'file' || kind === 'symlink' ? size : 0,
    modifiedAt,
    device: kind === 'character-device' || kind === 'block-device' ? splitDevice(device) : undefined,
    unsummed: (flags & noDataSum) !== 0n,
  };
}

/** Linux keeps the kernel's own dev_t here, with 20 bits of minor number, not the form that stat returns. */
function splitDevice(device: bigint): { major: number; minor: number } {
  return { major: Number((device >> 20n) & 0xfffn), minor: Number(device & 0xf_ffffn) };
}
