import type { Digest, DigestAlgorithm, Source } from '../core/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';

/** A file, directory or device of the node, after all links were followed inside its root. */
export type PlacedFile = {
  /** Its own path, without links. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'character-device' | 'block-device' | 'other';
  readonly inode: number;
  /** `major:minor` of the file system that it is on. */
  readonly device: string;
  readonly sizeBytes: number;
  /** Permissions with the sticky bit and its like, as chmod(2) takes them; and the owner. */
  readonly mode: number;
  readonly uid: number;
};

/** The commands whose words are evidence. In a made-up root what each would print stands as a file. */
export type NodeCommand = 'dmsetup-table' | 'dmsetup-status' | 'losetup';

/** Digests of files that were read before. */
export type DigestMemory = {
  /** The SHA-256 of a file whose numbers are the same as when it was read; undefined where it has to be read. */
  readonly recall: (source: Source) => Digest | undefined;
  readonly keep: (source: Source, sha256: Digest) => void;
};

/**
 * The node that is looked at, as a port: the running system, or a directory. Nothing throws for what is absent; a Fault
 * `file.*` is what is there and cannot be read.
 */
export type NodeWorld = {
  /** True where the facts come from a directory. */
  readonly simulated: boolean;
  readonly now: Date;
  /** systemd's word for the machine, from the kernel; null where it cannot be told. */
  readonly architecture: string | null;
  readonly kernelRelease: string | null;
  /** The bytes of a file, undefined where it is absent. Faults: file.*, limit.file-bytes. */
  readBytes(path: string, maxBytes: number): Uint8Array | undefined;
  /** The same as text. Faults: file.*, limit.file-bytes, bytes.utf8. */
  readText(path: string, maxBytes: number): string | undefined;
  /** Names in a directory, sorted; undefined where it is absent or no directory. */
  listNames(path: string): readonly string[] | undefined;
  /** Where the link at a path points, as it is written; undefined where there is no link. Links before the last name are followed. */
  readLink(path: string): string | undefined;
  /** Where a path leads, undefined where it leads nowhere. */
  place(path: string): PlacedFile | undefined;
  openSource(path: string): Source & Disposable;
  /**
   * What the command prints, undefined where it is not installed or not captured.
   * Faults: file.command where it fails, limit.command-bytes.
   */
  ask(command: NodeCommand): string | undefined;
  readonly hashLeaves: LeafHasher;
  digestSource(source: Source, algorithms: readonly DigestAlgorithm[]): Promise<readonly Digest[]>;
  /** Absent where every digest is of bytes that were read now. */
  readonly digestMemory?: DigestMemory;
};
