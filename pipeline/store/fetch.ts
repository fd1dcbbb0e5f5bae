import { type Digest, Fault, limits } from '../core/index.ts';
import type { BundleCache } from './cache.ts';
import { Intake, type IntakeTerms, plainTerms } from './intake.ts';
import { runInLanes } from './lanes.ts';
import type { BundleStore, Found, FoundBundle } from './store.ts';

export type Fetched = {
  readonly digest: Digest;
  readonly bundles: readonly FoundBundle[];
  /** Single bundles that were junk, in stores that answered. */
  readonly passedOver: readonly Fault[];
  /** Stores that gave no answer, or not a whole one: what they have is not known. */
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
  readonly #terms: IntakeTerms;
  /** One for each place: no store uses up the room of another. */
  readonly #intakes = new Map<string, Intake>();
  readonly #asked = new Set<string>();
  readonly #bundles = new Map<string, FoundBundle>();
  readonly #silent = new Map<BundleStore, Fault>();
  #junk = 0;

  constructor(
    stores: readonly BundleStore[],
    cache: BundleCache | null,
    tell: (what: string) => void,
    terms: IntakeTerms = plainTerms,
  ) {
    this.#stores = stores;
    this.#cache = cache;
    this.#tell = tell;
    this.#terms = terms;
  }

  /** How many bundles were not held because nobody needs what they say. */
  get unneeded(): number {
    return new Set([...this.#intakes.values()].flatMap(({ unneeded }) => [...unneeded])).size;
  }

  /** Asks for each digest that was not asked for yet. The same order of digests and stores gives the same order of bundles. */
  async ask(digests: readonly Digest[]): Promise<readonly Fetched[]> {
    const fresh = digests.filter(({ hex }) => !this.#asked.has(hex) && this.#asked.add(hex) !== undefined);
    const answers = await runInLanes(fresh, (digest) => this.#askStores(digest));
    const cache = this.#cache;
    if (cache === null) return answers;
    // What was found is kept first: it takes the place of what has rotted, before the rest is recalled.
    await cache.remember(distinct(answers), fresh);
    return await runInLanes(answers, (answer) => this.#addRecalled(answer, cache));
  }

  /** Asks on for what was found to matter, the first ones first: for limits.searchMembers more digests and no more. */
  async askFurther(digests: readonly Digest[]): Promise<readonly Fetched[]> {
    const others = [...new Map(digests.map((digest) => [digest.hex, digest])).values()].filter(
      ({ hex }) => !this.#asked.has(hex),
    );
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
        for (const bundle of this.#takeAll(found)) if (!bundles.has(bundle.sha256)) bundles.set(bundle.sha256, bundle);
        passedOver.push(...this.#countJunk(found.passedOver, store.name));
        unanswered.push(...found.unread.map((fault) => ({ store: store.name, fault })));
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
      return await store.find(digest, this.#intakeOf(store.name));
    } catch (error) {
      // It was tried several times, with pauses: a search of many digests must end.
      if (error instanceof Fault && error.code.startsWith('network.')) this.#silent.set(store, error);
      throw error;
    }
  }

  async #addRecalled(answer: Fetched, cache: BundleCache): Promise<Fetched> {
    try {
      const known = new Set(answer.bundles.map(({ sha256 }) => sha256));
      const found = await cache.recall(answer.digest, known, this.#intakeOf(cache.name));
      const lost = [...found.passedOver, ...found.unread].map((fault) => ({ store: cache.name, fault }));
      const bundles = [...answer.bundles, ...this.#takeAll(found)];
      return { ...answer, bundles, unanswered: [...answer.unanswered, ...lost] };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { ...answer, unanswered: [...answer.unanswered, { store: cache.name, fault: error }] };
    }
  }

  /** Each piece of junk is told, up to a number that a store which has nothing else cannot use to fill the memory. */
  #countJunk(faults: readonly Fault[], from: string): readonly Fault[] {
    const room = limits.searchJunk - this.#junk;
    this.#junk += faults.length;
    if (faults.length <= room) return faults;
    const more = new Fault('limit.search-junk', `Cannot tell of all junk: more than ${limits.searchJunk} pieces`, {
      where: from,
    });
    return room < 0 ? [] : [...faults.slice(0, room), more];
  }

  #intakeOf(place: string): Intake {
    const intake = this.#intakes.get(place) ?? new Intake(this.#terms);
    this.#intakes.set(place, intake);
    return intake;
  }

  /** The same bundle is held once, however many stores have it. */
  #takeAll({ bundles }: Found): readonly FoundBundle[] {
    return bundles.map((bundle) => {
      const known = this.#bundles.get(bundle.sha256) ?? bundle;
      this.#bundles.set(bundle.sha256, known);
      return known;
    });
  }
}

function distinct(answers: readonly Fetched[]): readonly FoundBundle[] {
  return [...new Map(answers.flatMap(({ bundles }) => bundles).map((bundle) => [bundle.sha256, bundle])).values()];
}
