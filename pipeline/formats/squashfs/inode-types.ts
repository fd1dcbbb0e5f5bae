import type { NodeKind } from '../file-tree/index.ts';

type InodeType = { readonly kind: NodeKind; readonly extended: boolean; readonly fixedBytes: number };

/** Basic types 1 to 7 and extended types 8 to 14, with the bytes before a list, an index or a link's target (squashfs documentation, §3.3). */
export const inodeTypes: ReadonlyMap<number, InodeType> = new Map([
  [1, { kind: 'directory', extended: false, fixedBytes: 32 }],
  [2, { kind: 'file', extended: false, fixedBytes: 32 }],
  [3, { kind: 'symlink', extended: false, fixedBytes: 24 }],
  [4, { kind: 'block-device', extended: false, fixedBytes: 24 }],
  [5, { kind: 'character-device', extended: false, fixedBytes: 24 }],
  [6, { kind: 'fifo', extended: false, fixedBytes: 20 }],
  [7, { kind: 'socket', extended: false, fixedBytes: 20 }],
  [8, { kind: 'directory', extended: true, fixedBytes: 40 }],
  [9, { kind: 'file', extended: true, fixedBytes: 56 }],
  [10, { kind: 'symlink', extended: true, fixedBytes: 24 }],
  [11, { kind: 'block-device', extended: true, fixedBytes: 28 }],
  [12, { kind: 'character-device', extended: true, fixedBytes: 28 }],
  [13, { kind: 'fifo', extended: true, fixedBytes: 24 }],
  [14, { kind: 'socket', extended: true, fixedBytes: 24 }],
]);

/** The file type bits of a mode, as Linux sets them by the inode type. */
export const fileTypeBits: Readonly<Record<NodeKind, number>> = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  'block-device': 0o060000,
  'character-device': 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
};

/** The name of an entry's basic type, undefined for a number that is none. */
export function kindOfType(type: number): NodeKind | undefined {
  return type <= 7 ? inodeTypes.get(type)?.kind : undefined;
}
