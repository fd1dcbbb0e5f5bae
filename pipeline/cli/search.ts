import { resolve } from 'node:path';
import { type Digest, exit, exitOf, type Fault } from '../core/index.ts';
import { type DirectoryCache, openDirectoryCache, openDirectoryStore } from '../edge/store/index.ts';
import type { BundleFile, Silence } from '../policy/index.ts';
import { printable } from '../report/index.ts';
import { BundleSearch, openBlobMemory } from '../store/index.ts';
import { openProgress } from './progress.ts';
import { openStores, type StoreOptions } from './stores.ts';
import type { World } from './world.ts';

export type SearchOptions = StoreOptions & {
  readonly from: readonly string[];
  readonly cache: string | undefined;
  readonly offline: boolean;
};

/**
 * Runs a step with a search over the stores and the cache that were named. What is wrong with the cache is told on stderr:
 * it costs a request. Faults: usage.store, usage.offline, usage.registry.
 */
export async function searchStores<T>(
  options: SearchOptions,
  world: World,
  step: (search: BundleSearch) => Promise<T>,
): Promise<T> {
  const { cache: shown, from, offline } = options;
  await using cache = shown === undefined ? null : openDirectoryCache(resolve(world.directory, shown), shown);
  // Alone it is a store like any other: one that is not there has not answered.
  const isAlone = shown !== undefined && offline && from.length === 0;
  const stores = isAlone
    ? [openDirectoryStore(resolve(world.directory, shown), shown)]
    : openStores(from, 'from', options, world, openBlobMemory(cache?.blobs ?? null));
  using progress = openProgress(world, 'asking the stores');
  const result = await step(new BundleSearch(stores, isAlone ? null : cache, progress.tell));
  progress.end();
  if (cache !== null) tellTroubles(cache, world);
  return result;
}

function tellTroubles({ name, troubles }: DirectoryCache, world: World): void {
  const lines = new Set(troubles.map(({ code, message }) => `nodeproof: ${name}: ${message} [${code}]`));
  for (const line of [...lines].slice(0, shownTroubles)) world.stderr.write(`${printable(line)}\n`);
}

const shownTroubles = 20;

/** What stores have about digests, and about the members of the node sets among it, for a judgement. */
export async function searchMaterial(
  digests: readonly Digest[],
  options: SearchOptions,
  world: World,
): Promise<{ readonly bundles: readonly BundleFile[]; readonly silences: readonly Silence[] }> {
  const answers = await searchStores(options, world, async (search) => {
    const found = await search.ask(digests);
    return [...found, ...(await search.askMembers(found))];
  });
  const passedOver = distinct(answers.flatMap((answer) => answer.passedOver));
  const unread = passedOver.filter(isUnavailable).map((fault) => ({ store: fault.where ?? 'a store', fault }));
  const unanswered = answers.flatMap((answer) => answer.unanswered);
  return {
    bundles: [
      ...answers.flatMap(({ bundles }) => bundles.map(({ from, bundle }) => ({ name: from, bundle }))),
      ...passedOver
        .filter((fault) => !isUnavailable(fault))
        .map((fault) => ({ name: fault.where ?? 'a store', fault })),
    ],
    // A server that is down is so for every digest: one of a kind is told.
    silences: distinctBy([...unanswered, ...unread], ({ store, fault }) => `${store} ${fault.code}`),
  };
}

/** A bundle that broke off on its way is not junk: what it says is not known. */
function isUnavailable({ code }: Fault): boolean {
  return exitOf(code) === exit.unavailable;
}

function distinct(faults: readonly Fault[]): readonly Fault[] {
  return distinctBy(faults, keyOf);
}

function keyOf({ code, message, where }: Fault): string {
  return `${code} ${where ?? ''} ${message}`;
}

function distinctBy<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
