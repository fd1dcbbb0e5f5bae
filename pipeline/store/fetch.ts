import { type Digest, Fault, limits } from '../core/index.ts';
import { nodeSetPredicateType } from '../release/index.ts';
import type { BundleCache } from './cache.ts';
import { isCutShort } from './found.ts';
import { runInLanes } from './lanes.ts';
import type { BundleStore, Found, FoundBundle } from './store.ts';

export type Fetched = {
  readonly digest: Digest;
  readonly bundles: readonly FoundBundle[];
  /** Single bundles that were junk, in stores that answered. */
  readonly passedOver: readonly Fault[];
  /** Stores that gave no answer, or one that was not read to its end: what they have is not known. */
  readonly unanswered: readonly Unanswered[];
};

export type Unanswered = { readonly store: string; readonly fault: Fault };

/**
 * One search for the bundles about digests. All stores are asked, in their order: one that fails hides nothing of the
 * others, and one that forgets hides nothing that the cache has seen. A server that did not answer is not asked again.
 */
export class BundleSearch {
  readonly #stores: readonly BundleStore[];
  readonly #cache: BundleCache | null;
  readonly #tell: (what: string) => void;
  readonly #asked = new Set<string>();
  readonly #bundles = new Map<string, FoundBundle>();
  readonly #silent = new Map<BundleStore, Fault>();
  readonly #bytesOf = new Map<string, number>();

  constructor(stores: readonly BundleStore[], cache: BundleCache | null, tell: (what: string) => void) {
    this.#stores = stores;
    this.#cache = cache;
    this.#tell = tell;
  }

  /** Asks for each digest that was not asked for yet. The same order of digests and stores gives the same order of bundles. */
  async ask(digests: readonly Digest[]): Promise<readonly Fetched[]> {
    const fresh = digests.filter(({ hex }) => !this.#asked.has(hex) && this.#asked.add(hex) !== undefined);
    const answers = await runInLanes(fresh, (digest) => this.#askStores(digest));
    const cache = this.#cache;
    if (cache === null) return answers;
    // What was found is kept first: it takes the place of what has rotted, before the rest is recalled.
    await cache.remember(distinct(answers));
    return await runInLanes(answers, (answer) => this.#addRecalled(answer, cache));
  }

  /**
   * Asks on for what is said about the members of the node sets among what was found: a policy may want it. Nothing is
   * verified at this point, so the way ends here, after limits.searchMembers more digests.
   */
  async askMembers(found: readonly Fetched[]): Promise<readonly Fetched[]> {
    const sets = distinct(found).filter(({ predicateType }) => predicateType === nodeSetPredicateType);
    const members = new Map(sets.flatMap(({ subjects }) => subjects.map((digest) => [digest.hex, digest])));
    const others = [...members.values()].filter(({ hex }) => !this.#asked.has(hex));
    const answers = await this.ask(others.slice(0, limits.searchMembers));
    const [left] = others.slice(limits.searchMembers);
    if (left === undefined) return answers;
    const most = `Cannot ask for all ${others.length} members of the node sets: want at most ${limits.searchMembers}`;
    const fault = new Fault('limit.search-members', most, { next: 'Verify fewer files at once' });
    return [...answers, { digest: left, bundles: [], passedOver: [], unanswered: [{ store: 'the search', fault }] }];
  }

  async #askStores(digest: Digest): Promise<Fetched> {
    this.#tell(`looking for ${digest.algorithm}:${digest.hex}`);
    const bundles = new Map<string, FoundBundle>();
    const passedOver: Fault[] = [];
    const unanswered: Unanswered[] = [];
    for (const store of this.#stores) {
      try {
        const found = await this.#find(store, digest);
        for (const bundle of this.#takeAll(found, store.name))
          if (!bundles.has(bundle.sha256)) bundles.set(bundle.sha256, bundle);
        passedOver.push(...found.passedOver.filter((fault) => !isCutShort(fault)));
        const cut = found.passedOver.find(isCutShort);
        if (cut !== undefined) unanswered.push({ store: store.name, fault: cut });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        unanswered.push({ store: store.name, fault: error });
      }
    }
    return { digest, bundles: [...bundles.values()], passedOver, unanswered };
  }

  async #find(store: BundleStore, digest: Digest): Promise<Found> {
    const silence = this.#silent.get(store);
    if (silence !== undefined) throw silence;
    try {
      return await store.find(digest);
    } catch (error) {
      // It was tried several times, with pauses: a search of many digests must end.
      if (error instanceof Fault && error.code.startsWith('network.')) this.#silent.set(store, error);
      throw error;
    }
  }

  async #addRecalled(answer: Fetched, cache: BundleCache): Promise<Fetched> {
    try {
      const found = await cache.recall(answer.digest, new Set(answer.bundles.map(({ sha256 }) => sha256)));
      const lost = found.passedOver.map((fault) => ({ store: cache.name, fault }));
      const bundles = [...answer.bundles, ...this.#takeAll(found, cache.name)];
      return { ...answer, bundles, unanswered: [...answer.unanswered, ...lost] };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { ...answer, unanswered: [...answer.unanswered, { store: cache.name, fault: error }] };
    }
  }

  /** The same bundle is held once, however many digests it is about; no store uses up the room of another. Fault: limit.search-bytes. */
  #takeAll({ bundles }: Found, from: string): readonly FoundBundle[] {
    return bundles.map((bundle) => {
      const known = this.#bundles.get(bundle.sha256);
      if (known !== undefined) return known;
      const totalBytes = (this.#bytesOf.get(from) ?? 0) + bundle.bytes.byteLength;
      this.#bytesOf.set(from, totalBytes);
      if (totalBytes > limits.searchBytes)
        throw new Fault('limit.search-bytes', `Cannot take all bundles: want at most ${limits.searchBytes} bytes`, {
          next: 'Verify fewer files at once',
        });
      this.#bundles.set(bundle.sha256, bundle);
      return bundle;
    });
  }
}

function distinct(answers: readonly Fetched[]): readonly FoundBundle[] {
  return [...new Map(answers.flatMap(({ bundles }) => bundles).map((bundle) => [bundle.sha256, bundle])).values()];
}
