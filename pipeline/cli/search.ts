import { resolve } from 'node:path';
import { type Digest, Fault } from '../core/index.ts';
import { type DirectoryCache, openDirectoryCache, openDirectoryStore } from '../edge/store/index.ts';
import type { BundleFile, Silence } from '../policy/index.ts';
import { printable } from '../report/index.ts';
import { BundleSearch, type Fetched, type IntakeTerms, openBlobMemory, plainTerms } from '../store/index.ts';
import { openProgress } from './progress.ts';
import { openStores, type StoreOptions } from './stores.ts';
import type { World } from './world.ts';

export type SearchOptions = StoreOptions & {
  readonly from: readonly string[];
  readonly cache: string | undefined;
  readonly offline: boolean;
  readonly 'search-timeout': string | undefined;
  /** Something waits for the verdict before it goes on. */
  readonly join?: boolean;
};

/**
 * Runs a step with a search over the stores and the cache that were named. What is wrong with the cache is told on stderr:
 * it costs a request. Servers that have not answered by its end are silent. Faults: usage.store, usage.offline, usage.registry,
 * usage.search-timeout.
 */
export async function searchStores<T>(
  options: SearchOptions,
  world: World,
  step: (search: BundleSearch) => Promise<T>,
  terms: IntakeTerms = plainTerms,
): Promise<T> {
  const { cache: shown, from, offline } = options;
  const deadline = AbortSignal.timeout(parseTimeout(options) * 1000);
  await using cache = shown === undefined ? null : openDirectoryCache(resolve(world.directory, shown), shown);
  // Alone it is a store like any other: one that is not there has not answered.
  const isAlone = shown !== undefined && offline && from.length === 0;
  const stores = isAlone
    ? [openDirectoryStore(resolve(world.directory, shown), shown)]
    : openStores(from, 'from', { ...options, deadline }, world, openBlobMemory(cache?.blobs ?? null));
  using progress = openProgress(world, 'asking the stores');
  const result = await step(new BundleSearch(stores, isAlone ? null : cache, progress.tell, terms));
  progress.end();
  if (cache !== null) tellTroubles(cache, world);
  return result;
}

/** Seconds for all requests of one call together: a server may be slow ten thousand times. */
function parseTimeout(options: SearchOptions): number {
  const text = options['search-timeout'];
  if (text === undefined) return options.join === true ? 60 : 300;
  if (/^[1-9][0-9]{0,4}$/.test(text)) return Number(text);
  throw new Fault(
    'usage.search-timeout',
    `Cannot use --search-timeout ${JSON.stringify(text.slice(0, 40))}: want whole seconds, at most 99999`,
  );
}

function tellTroubles({ name, troubles }: DirectoryCache, world: World): void {
  const lines = new Set(troubles.map(({ code, message }) => `nodeproof: ${name}: ${message} [${code}]`));
  for (const line of [...lines].slice(0, shownTroubles)) world.stderr.write(`${printable(line)}\n`);
}

const shownTroubles = 20;

export type FoundMaterial = {
  readonly bundles: readonly BundleFile[];
  readonly silences: readonly Silence[];
  /** How many bundles were not taken because nobody needs what they say. */
  readonly unneeded: number;
};

/**
 * What stores have about digests, and about those that it leads on to, for a judgement.
 *
 * @param follow names the digests that bundles lead on to
 * @param terms on which bundles are taken; whatever there is, unless they say otherwise
 */
export async function searchMaterial(
  digests: readonly Digest[],
  options: SearchOptions,
  world: World,
  follow: (bundles: readonly BundleFile[]) => readonly Digest[],
  terms?: IntakeTerms,
): Promise<FoundMaterial> {
  const ask = async (search: BundleSearch) => {
    const found = await search.ask(digests);
    const answers = [...found, ...(await search.askFurther(follow(listBundles(found))))];
    return { answers, unneeded: search.unneeded };
  };
  const { answers, unneeded } = await searchStores(options, world, ask, terms);
  const unanswered = answers.flatMap((answer) => answer.unanswered);
  return {
    bundles: [...listBundles(answers), ...answers.flatMap(listJunk)],
    unneeded,
    // A server that is down is so for every digest: one of a kind is told.
    silences: distinctBy(unanswered, ({ store, fault }) => `${store} ${fault.code}`),
  };
}

/** Each once, however many digests it is about. */
function listBundles(answers: readonly Fetched[]): readonly BundleFile[] {
  const found = answers.flatMap(({ bundles }) => bundles);
  return distinctBy(found, ({ sha256 }) => sha256).map(({ from, bundle }) => ({ name: from, bundle }));
}

/** Junk is told where the digest is judged that it was offered for, and not in ten thousand other verdicts. */
function listJunk({ digest, passedOver }: Fetched): readonly BundleFile[] {
  return passedOver.map((fault) => ({ name: fault.where ?? 'a store', fault, offeredFor: digest }));
}

function distinctBy<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
