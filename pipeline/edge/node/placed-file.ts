import { type BigIntStats, readdirSync } from 'node:fs';
import { decodeUtf8, Fault, limits } from '../../core/index.ts';
import type { PlacedFile } from '../../collection/index.ts';
import { lookUp } from './system-call.ts';

/** What stat(2) says of a file, as evidence has it. Fault: file.number where an inode number is too large to be told exactly. */
export function describePlace(path: string, stats: BigIntStats): PlacedFile {
  return {
    path,
    kind: kindOf(stats),
    inode: exactNumber(stats.ino, path),
    device: formatDevice(stats.dev),
    sizeBytes: exactNumber(stats.size, path),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
  };
}

function kindOf(stats: BigIntStats): PlacedFile['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isCharacterDevice()) return 'character-device';
  if (stats.isBlockDevice()) return 'block-device';
  return 'other';
}

function exactNumber(value: bigint, path: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new Fault('file.number', `Cannot look at ${path}: ${value} is too large a number`, { where: path });
  return Number(value);
}

/** `major:minor`, as gnu_dev_major(3) and gnu_dev_minor(3) take a device number apart. */
function formatDevice(device: bigint): string {
  const major = ((device >> 8n) & 0xf_ffn) | ((device >> 32n) & ~0xf_ffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major & 0xffff_ffffn}:${minor & 0xffff_ffffn}`;
}

/**
 * Names in a directory, sorted by code unit; undefined where there is no directory.
 * Faults: file.*, limit.directory, bytes.utf8: a name that cannot be told must not be passed over.
 */
export function readNames(hostPath: string, shown: string): readonly string[] | undefined {
  const names = lookUp(shown, () => readdirSync(hostPath, { encoding: 'buffer' }));
  if (names === undefined) return undefined;
  if (names.length > limits.directoryEntries)
    throw new Fault(
      'limit.directory',
      `Cannot list ${shown}: ${names.length} names, want at most ${limits.directoryEntries}`,
      { where: shown },
    );
  return names.map((name) => decodeUtf8(name, `a name in ${shown}`)).sort();
}
