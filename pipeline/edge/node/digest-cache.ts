import { lstatSync, statSync } from 'node:fs';
import * as z from 'zod/mini';
import { Digest, Fault, limits, type Source, within } from '../../core/index.ts';
import type { DigestMemory } from '../../collection/index.ts';
import { readSmallFile, replaceFile } from '../files/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { parseWith, sha256Hex } from '../../formats/schema/index.ts';

const cacheType = 'https://nodeproof.dev/digest-cache/v1';
const number = z.string().check(z.regex(/^\d{1,20}$/));

/** A file by its numbers. Those of inode and device mean something within one boot only. */
const entrySchema = z.strictObject({
  device: number,
  inode: number,
  sizeBytes: number,
  modifiedAt: number,
  changedAt: number,
  sha256: sha256Hex,
});

const cacheSchema = z.strictObject({
  type: z.literal(cacheType),
  bootId: z.string().check(z.maxLength(64)),
  entries: z.array(entrySchema).check(z.maxLength(limits.digestCacheEntries)),
});

type Entry = z.output<typeof entrySchema>;

/** Digests that were told before, of files whose numbers are the same. For the speed of audits: no verdict on a join uses it. */
export type DigestCache = DigestMemory & {
  /** Why the file was not used, where it was not. */
  readonly problem: string | null;
  /** Writes what is known now beside the file and renames it. Fault: file.write. */
  readonly save: () => void;
};

/** A file that was changed so recently may be changed again within the same tick of the file system's clock. */
const settledNanoseconds = 2_000_000_000n;

/**
 * Opens a cache of digests. What is not as it should be, or could have been written by others, is not used: the cache then
 * begins anew. No fault.
 */
export function openDigestCache(path: string): DigestCache {
  const bootId = readBootId();
  const { entries, problem } = load(path, bootId);
  const known = new Map(entries.map((entry) => [keyOf(entry), entry]));
  const began = new WeakMap<Source, string>();
  return {
    problem,
    recall: (source) => {
      const numbers = numbersOf(source);
      if (numbers === undefined) return undefined;
      const key = keyOf(numbers);
      began.set(source, key);
      const entry = known.get(key);
      return entry === undefined ? undefined : Digest.fromHex('sha256', entry.sha256);
    },
    keep: (source, digest) => {
      const numbers = numbersOf(source);
      // Whoever wrote to the file while it was read left other numbers.
      if (numbers === undefined || began.get(source) !== keyOf(numbers)) return;
      if (BigInt(Date.now()) * 1_000_000n - BigInt(numbers.changedAt) < settledNanoseconds) return;
      known.set(keyOf(numbers), { ...numbers, sha256: digest.hex });
    },
    save: () => save(path, { type: cacheType, bootId, entries: [...known.values()].slice(-limits.digestCacheEntries) }),
  };
}

function load(path: string, bootId: string): { readonly entries: readonly Entry[]; readonly problem: string | null } {
  try {
    const cache = within(path, () => {
      refuseForeign(path);
      const json = parseJsonBytes(readSmallFile(path, limits.digestCacheBytes), path, limits.digestCacheBytes);
      return parseWith(cacheSchema, json, 'digest-cache.field', path);
    });
    return { entries: cache.bootId === bootId ? cache.entries : [], problem: null };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { entries: [], problem: error.code === 'file.missing' ? null : error.message };
  }
}

/** What others can write to says what they want. */
function refuseForeign(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const owner = process.getuid?.() ?? stats.uid;
  if (!stats.isFile() || (stats.uid !== owner && stats.uid !== 0) || (stats.mode & 0o022) !== 0)
    throw new Fault('file.kind', `Cannot use ${path}: want a regular file that nobody else can write to`, {
      where: path,
    });
}

type Numbers = Omit<Entry, 'sha256'>;

/** Asked of what is open, not of a name; undefined where it is no whole regular file. */
function numbersOf({ location, sizeBytes }: Source): Numbers | undefined {
  if (location === undefined || location.offsetBytes !== 0) return undefined;
  const stats = statSync(location.path, { bigint: true, throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size !== BigInt(sizeBytes)) return undefined;
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    sizeBytes: String(stats.size),
    modifiedAt: String(stats.mtimeNs),
    changedAt: String(stats.ctimeNs),
  };
}

function keyOf({ device, inode, sizeBytes, modifiedAt, changedAt }: Numbers): string {
  return [device, inode, sizeBytes, modifiedAt, changedAt].join(' ');
}

function readBootId(): string {
  try {
    return Buffer.from(readSmallFile('/proc/sys/kernel/random/boot_id', 256)).toString('latin1').trim().slice(0, 64);
  } catch (error) {
    if (error instanceof Fault) return '';
    throw error;
  }
}

function save(path: string, cache: z.output<typeof cacheSchema>): void {
  try {
    replaceFile(path, Buffer.from(`${JSON.stringify(cache)}\n`), 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Fault('file.write', `Cannot write the digest cache ${path}: ${code}`, {
      where: path,
      cause,
      next: 'Name a file in a directory that this user can write to',
    });
  }
}
