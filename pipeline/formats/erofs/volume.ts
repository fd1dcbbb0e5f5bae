import { checkRange, type Source, sliceSource } from '../../core/index.ts';
import type { Superblock } from './superblock.ts';

/** An opened file system: what every read below the superblock needs. */
export type Volume = {
  readonly superblock: Superblock;
  /** File content: each range is read once. */
  readonly content: Source;
  /** Inodes, directories, attributes and indexes: small reads that lie close together. */
  readonly metadata: Source;
};

const windowBytes = 64 * 1024;
const windows = 64;

/** Nothing outside the size that the superblock claims is ever read. */
export function openVolume(source: Source, superblock: Superblock): Volume {
  const content = sliceSource(source, 0, superblock.sizeBytes, source.name);
  return { superblock, content, metadata: windowedSource(content) };
}

/** Keeps the windows that were read last, at most 4 MiB: reading an inode is then no system call. */
function windowedSource(source: Source): Source {
  const cache = new Map<number, Uint8Array>();
  const window = (index: number): Uint8Array => {
    const known = cache.get(index);
    if (known !== undefined) return known;
    const start = index * windowBytes;
    const bytes = source.read(start, Math.min(windowBytes, source.sizeBytes - start));
    if (cache.size >= windows) cache.delete(cache.keys().next().value as number);
    cache.set(index, bytes);
    return bytes;
  };
  const windowed = {
    name: source.name,
    sizeBytes: source.sizeBytes,
    read(offset: number, length: number): Uint8Array {
      checkRange(windowed, offset, length);
      const index = Math.floor(offset / windowBytes);
      const start = offset - index * windowBytes;
      if (length === 0 || start + length > windowBytes) return source.read(offset, length);
      return window(index).subarray(start, start + length);
    },
  };
  return windowed;
}
