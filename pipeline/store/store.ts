import type { Digest, Fault } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import type { Intake } from './intake.ts';
import type { Publication } from './publication.ts';

/**
 * Where bundles are found and put. A store is untrusted transport: it may lie, drop, repeat or add. What it finds is
 * checked to be about the digest that was asked for, and is not verified by that: signatures are the verifier's business.
 */
export type BundleStore = {
  /** As it is named on the command line: `directory:release`, `oci:registry.example/nodes`. */
  readonly name: string;
  /**
   * The bundles that have this digest as a subject, within `limits.store*`. What is junk is passed over and told, so that
   * it neither admits nor hides a good one. Faults: network.*, store.*, config.*, file.*, where the store as a whole fails.
   *
   * @param intake of the search that this is a part of
   */
  readonly find: (digest: Digest, intake?: Intake) => Promise<Found>;
  /** What `put` would write, in its order, without asking the store. */
  readonly plan: (publication: Publication) => readonly PlannedWrite[];
  /** Writes what is not there yet: a second run writes nothing, a run after an interrupted one finishes it. */
  readonly put: (publication: Publication, tell: (what: string) => void) => Promise<PutReport>;
};

export type FoundBundle = {
  /** Of the bundle's bytes. */
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly bundle: SigstoreBundle;
  /** Null where a message is signed, not a statement. */
  readonly predicateType: string | null;
  /** The SHA-256 digests that it is about. */
  readonly subjects: readonly Digest[];
  /** The place that gave it: a path or an address. */
  readonly from: string;
};

export type Found = {
  readonly bundles: readonly FoundBundle[];
  /** Single bundles that were junk. */
  readonly passedOver: readonly Fault[];
  /** What was not read, or not to its end: what it has is not known. */
  readonly unread: readonly Fault[];
};

export type PlannedWrite = {
  readonly what: string;
  readonly place: string;
  readonly sizeBytes: number;
  /** What the store calls it, and where a person may look at it; known once it is there, in stores that have such. */
  readonly id?: string;
  readonly url?: string;
};

export type PutReport = {
  /** What was written now, and what was there already. */
  readonly written: readonly PlannedWrite[];
  readonly present: readonly PlannedWrite[];
};
