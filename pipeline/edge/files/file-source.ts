import { closeSync, existsSync, readSync } from 'node:fs';
import { checkRange, Fault, type Source } from '../../core/index.ts';
import { attempt, openForReading, readUpTo } from './open-file.ts';

export type FileSource = Source & Disposable & Required<Pick<Source, 'location' | 'readInto'>>;

/**
 * Opens a regular file or a block device as a Source. Every read returns a buffer of its own that nobody writes to again.
 * Nothing is cached here: the kernel's page cache answers a 4 KiB read in about a microsecond, and format readers keep
 * their own bounded caches of what they decoded.
 * Faults: file.missing, file.permission, file.kind, file.read; later source.range and file.read.
 */
export function openFileSource(path: string): FileSource {
  const { descriptor, kind, stats } = openForReading(path);
  const sizeBytes = kind === 'regular' ? stats.size : measureBlockDevice(path, descriptor);
  let open = true;
  const source: FileSource = {
    name: path,
    sizeBytes,
    location: { path: pathToReopen(path, descriptor), offsetBytes: 0 },
    read(offset, length) {
      checkRange(source, offset, length);
      const bytes = Buffer.allocUnsafeSlow(length);
      source.readInto(offset, bytes);
      return bytes;
    },
    readInto(offset, bytes) {
      const length = bytes.byteLength;
      checkRange(source, offset, length);
      if (!open) throw new Fault('file.read', `Cannot read ${path}: it was closed`, { where: path });
      const count = readUpTo(path, descriptor, bytes, offset);
      if (count < length)
        throw new Fault('file.read', `Cannot read ${path}: it ends at ${offset + count}, want ${sizeBytes} bytes`, {
          where: `${path} at byte ${offset + count}`,
          next: 'Something shortened the file while it was read: try again when nothing writes to it',
        });
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
    },
  };
  return source;
}

/**
 * The path under which a thread opens the very file that is open here, whatever is renamed over it meanwhile: an image
 * must not be judged by one file's metadata and another's hashes.
 */
function pathToReopen(path: string, descriptor: number): string {
  const link = `/proc/self/fd/${descriptor}`;
  return process.platform === 'linux' && existsSync(link) ? link : path;
}

/**
 * The size of a block device, whose stat says 0: the first offset at which a read gives nothing, found by doubling and
 * halving. Works without /sys and without ioctl.
 */
function measureBlockDevice(path: string, descriptor: number): number {
  const probe = Buffer.allocUnsafeSlow(1);
  const hasByteAt = (offset: number) => attempt(path, () => readSync(descriptor, probe, 0, 1, offset)) === 1;
  let beyond = 512;
  while (beyond < Number.MAX_SAFE_INTEGER / 2 && hasByteAt(beyond)) beyond *= 2;
  let inside = -1;
  while (beyond - inside > 1) {
    const middle = Math.floor((inside + beyond) / 2);
    if (hasByteAt(middle)) inside = middle;
    else beyond = middle;
  }
  return beyond;
}
