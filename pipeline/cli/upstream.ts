import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { UpstreamList } from '../attest/index.ts';
import { verifyUpstream } from '../attest/index.ts';
import { Fault, limits } from '../core/index.ts';
import { inputLimits, listDirectory, readInput } from './inputs.ts';
import type { World } from './world.ts';

type UpstreamOptions = { readonly upstream: readonly string[]; readonly 'upstream-key': readonly string[] };

/**
 * Reads and checks the lists of `--upstream`. A directory stands for the lists and signatures that lie in it.
 * Faults: usage.upstream, limit.upstream-files, file.*, and those of verifyUpstream.
 */
export async function readUpstream(
  options: UpstreamOptions,
  time: Date,
  world: World,
): Promise<readonly UpstreamList[]> {
  const named = (path: string) => ({ name: path, bytes: readInput(world, path, inputLimits.upstream) });
  const paths = options.upstream.flatMap((path) => (isDirectory(path, world) ? listsIn(path, world) : [path]));
  if (paths.length > limits.upstreamFiles)
    throw new Fault(
      'limit.upstream-files',
      `Cannot read the upstream lists: ${paths.length} files, want at most ${limits.upstreamFiles}`,
    );
  return verifyUpstream(paths.map(named), options['upstream-key'].map(named), time);
}

function listsIn(directory: string, world: World): readonly string[] {
  const names = listDirectory(world, directory).filter((name) => listName.test(name));
  const lists = names.map((name) => join(directory, name)).filter((path) => !isDirectory(path, world));
  if (lists.length > 0) return lists;
  throw new Fault(
    'usage.upstream',
    `Cannot use ${directory} as upstream lists: it holds none, want DIGESTS, *.DIGESTS, SHA256SUMS or SHA512SUMS`,
    { where: directory, next: 'Give the lists themselves, where they have other names' },
  );
}

/** `flatcar_production_image.bin.bz2.DIGESTS.asc`. */
const listName = /^(?:(?:.+\.)?DIGESTS|SHA(?:256|512)SUMS)(?:\.(?:sig|asc))?$/;

function isDirectory(path: string, world: World): boolean {
  return statSync(resolve(world.directory, path), { throwIfNoEntry: false })?.isDirectory() === true;
}
