const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every cap on input, in one place. A reader checks the cap before it allocates; what exceeds one is refused by name with
 * the code `limit.<name>`. Values are far above what real node images hold and far below what hurts a small machine.
 */
export const limits = {
  /** Entries of any kind that one walk of a file tree may meet. */
  treeEntries: 2_000_000,
  /** Depth of directories below a tree's root. */
  treeDepth: 64,
  /** Entries of one directory. */
  directoryEntries: 200_000,
  /** Symbolic links followed while one path is resolved (Linux: 40). */
  symlinks: 40,
  /** Bytes of one path, and of one symbolic link's target (Linux: PATH_MAX). */
  pathBytes: 4096,
  /** Bytes of one regular file that a tree may declare: the largest disk we read is 64 GiB. */
  fileBytes: 64 * 1024 * MiB,
  /** Extended attributes of one inode: count and bytes of one value (Linux: XATTR_SIZE_MAX). */
  xattrs: 256,
  xattrBytes: 64 * KiB,
  /** Bytes of a text file that is read as a whole: os-release and its kin. */
  releaseFileBytes: 64 * KiB,
  /** Characters of a kernel command line (Linux: COMMAND_LINE_SIZE is 2 to 4 KiB). */
  commandLineBytes: 64 * KiB,
} as const;
