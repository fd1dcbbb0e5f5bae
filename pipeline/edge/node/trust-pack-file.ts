import { lstatSync } from 'node:fs';
import { Fault, limits } from '../../core/index.ts';
import { readSmallFile, replaceFile } from '../files/index.ts';
import { lookUp } from './system-call.ts';

/**
 * The bytes of an installed trust pack, which must be a file at that very path: what a link leads to belongs to somebody
 * else. Faults: file.missing, file.permission, file.kind, file.read, limit.file-bytes.
 */
export function readTrustPackFile(path: string): Uint8Array {
  const stats = lookUp(path, () => lstatSync(path));
  if (stats?.isSymbolicLink() === true)
    throw new Fault('file.kind', `Cannot refresh ${path}: it is a link, want a regular file`, {
      where: path,
      next: 'Name the trust pack itself',
    });
  return readSmallFile(path, limits.trustPackBytes);
}

/**
 * Puts a trust pack in the place of the one that was read: a crash leaves the old one or the new one. Where somebody else
 * installed another meanwhile, that one stays: it may be the newer.
 * Faults: file.changed, file.write, those of readTrustPackFile.
 */
export function replaceTrustPackFile(path: string, old: Uint8Array, bytes: Uint8Array): void {
  if (!Buffer.from(readTrustPackFile(path)).equals(old))
    throw new Fault('file.changed', `Cannot refresh ${path}: another trust pack was put there meanwhile`, {
      where: path,
      next: 'Refresh that one',
    });
  try {
    replaceFile(path, bytes, 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Fault('file.write', `Cannot write ${path}: ${code}`, {
      where: path,
      cause,
      next: 'Run as root, and see that its file system is writable and has room',
    });
  }
}
