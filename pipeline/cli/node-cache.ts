import { resolve } from 'node:path';
import { type DigestCache, openDigestCache } from '../edge/node/index.ts';
import type { World } from './world.ts';

/** The cache of digests that was asked for. One that cannot be used is told, and begins anew. */
export function openCache(path: string | undefined, { directory, stderr }: World): DigestCache | undefined {
  if (path === undefined) return undefined;
  const cache = openDigestCache(resolve(directory, path));
  if (cache.problem !== null) stderr.write(`Note: the digest cache is not used: ${cache.problem}\n`);
  return cache;
}
