import type { Source } from '../../core/index.ts';

/** What one inode is. */
export type NodeKind = 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo' | 'socket';

/** One inode of a file tree: frozen, cheap, without its content. */
export type TreeNode = {
  readonly kind: NodeKind;
  /** Tells inodes of one tree apart; two names with one id are hard links. */
  readonly id: number;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a regular file or of a symbolic link's target; 0 for anything else. */
  readonly sizeBytes: number;
  /** Seconds since 1970; formats that keep nanoseconds lose them here. */
  readonly modifiedAt: number;
  /** Of a character or block device. */
  readonly device?: { readonly major: number; readonly minor: number };
};

export type TreeEntry = { readonly name: string; readonly node: TreeNode };

export type FileSystemFormat = 'btrfs' | 'squashfs' | 'erofs' | 'ext4' | 'fat';

/** What the superblock says about the whole file system, for people. */
export type FileSystemFacts = {
  readonly format: FileSystemFormat;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly blockSizeBytes: number;
  /** Compression in use or declared, by the format's own word; null for none. */
  readonly compression: string | null;
  /** Bytes that the file system claims, which may be less than the partition has. */
  readonly sizeBytes: number;
};

/**
 * A file system read-only, one interface over all formats. Synchronous; nothing is held open but the Source.
 *
 * Every method may throw a Fault of its format (`squashfs.*`, `btrfs.*` …) or of a limit: the bytes are hostile. No
 * method recurses into directories and none returns `.` or `..`; `walk` and `resolve` below do that, bounded.
 */
export type FileTree = {
  readonly facts: FileSystemFacts;
  readonly root: TreeNode;
  /** The entries of a directory, in the format's order, each name once. Fault: `tree.kind` for anything else. */
  list(directory: TreeNode): readonly TreeEntry[];
  /** The content of a regular file from its start, in chunks of at most 1 MiB that add up to sizeBytes. Chunks are valid until the next one is asked for. */
  chunks(file: TreeNode): Iterable<Uint8Array>;
  /**
   * Random access to a regular file whose content is stored as it is, so that an image inside an image needs no memory.
   * Absent where the format cannot; undefined where this file's content is compressed, inline or in too many pieces.
   */
  source?(file: TreeNode): Source | undefined;
  /** The target of a symbolic link. */
  target(symlink: TreeNode): string;
  /** Extended attributes by full name (`user.extension-release.strict`); empty where the format has none. */
  xattrs(node: TreeNode): ReadonlyMap<string, Uint8Array>;
};
