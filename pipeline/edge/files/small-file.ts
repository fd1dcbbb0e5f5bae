import { closeSync } from 'node:fs';
import { Fault } from '../../core/index.ts';
import { openForReading, readUpTo } from './open-file.ts';

/**
 * The whole content of a regular file that must not be larger than `maxBytes`. Read to its end rather than to its stated
 * size, for files of /proc and /sys say they have none.
 * Faults: file.missing, file.permission, file.kind, file.read, limit.file-bytes.
 */
export function readSmallFile(path: string, maxBytes: number): Uint8Array {
  const { descriptor, kind } = openForReading(path);
  try {
    if (kind !== 'regular')
      throw new Fault('file.kind', `Cannot read ${path}: it is a block device, want a regular file`, { where: path });
    return readToEnd(path, descriptor, maxBytes);
  } finally {
    closeSync(descriptor);
  }
}

const firstReadBytes = 64 * 1024;

function readToEnd(path: string, descriptor: number, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (let room = Math.min(maxBytes + 1, firstReadBytes); ; room = Math.min(maxBytes + 1 - total, total)) {
    const chunk = Buffer.allocUnsafeSlow(room);
    const count = readUpTo(path, descriptor, chunk, null);
    chunks.push(chunk.subarray(0, count));
    total += count;
    if (total > maxBytes)
      throw new Fault('limit.file-bytes', `Cannot read ${path}: it has more than ${maxBytes} bytes`, { where: path });
    if (count < room) return Buffer.concat(chunks, total);
  }
}
