import { type Digest, Fault } from '../core/index.ts';
import type { BundleStore, FoundBundle } from './store.ts';

export type Fetched = {
  readonly bundles: readonly FoundBundle[];
  /** Single bundles that were junk, in stores that answered. */
  readonly passedOver: readonly Fault[];
  /** Stores that gave no answer: what they have is not known. */
  readonly unanswered: readonly { readonly store: string; readonly fault: Fault }[];
};

/** Asks the stores in their order for the bundles about a digest. A store that fails hides nothing of the others. */
export async function fetchBundles(digest: Digest, stores: readonly BundleStore[]): Promise<Fetched> {
  const bundles = new Map<string, FoundBundle>();
  const passedOver: Fault[] = [];
  const unanswered: Fetched['unanswered'][number][] = [];
  for (const store of stores) {
    try {
      const found = await store.find(digest);
      for (const bundle of found.bundles) if (!bundles.has(bundle.sha256)) bundles.set(bundle.sha256, bundle);
      passedOver.push(...found.passedOver);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      unanswered.push({ store: store.name, fault: error });
    }
  }
  return { bundles: [...bundles.values()], passedOver, unanswered };
}
