import { type Digest, exit, exitOf, Fault, type FaultCode, limits } from '../core/index.ts';
import { Intake } from './intake.ts';
import type { Found, FoundBundle } from './store.ts';

/**
 * Waits for room before a bundle of a known size is read, which is given back when it was; false where the bundle with this
 * SHA-256 is known to be of no use.
 */
export type Reserve = (sizeBytes: number, sha256?: string) => Promise<boolean>;

/**
 * Gathers what one store finds for one digest. The same bundle counts once; junk is told, and good bundles beside it stay.
 * Both are capped, so that a store that never ends cannot fill the memory.
 */
export class Findings {
  readonly #digests: readonly Digest[];
  readonly #intake: Intake;
  readonly #bundles = new Map<string, FoundBundle>();
  readonly #passedOver: Fault[] = [];
  readonly #unread: Fault[] = [];
  #totalBytes = 0;

  readonly #isMixed: boolean;

  /**
   * @param digests the digest asked for, and those that it binds: a manifest's binds its layers'
   * @param intake of the search; a find that is no part of one has an intake of its own
   * @param isMixed the place holds bundles about other things as well, which are no junk
   */
  constructor(
    digests: readonly Digest[],
    intake: Intake = new Intake(),
    { isMixed = false }: { readonly isMixed?: boolean } = {},
  ) {
    this.#digests = digests;
    this.#intake = intake;
    this.#isMixed = isMixed;
  }

  /**
   * Runs a step that reads one bundle, or null where something else is there; a Fault in it is told at the place and costs no
   * other bundle. True where it was one that is held.
   */
  async attempt(from: string, read: (reserve: Reserve) => Promise<Uint8Array | null>): Promise<boolean> {
    using room = new DisposableStack();
    try {
      this.#checkRoom(0);
      this.#intake.checkWaste();
      const bytes = await read(async (...bundle) => room.use(await this.#intake.enter(...bundle)) !== null);
      const found = bytes === null ? null : this.#intake.take(bytes, this.#digests, from);
      if (found !== null) this.#add(found);
      return found !== null;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (this.#isMixed && error.code === 'store.subject') return false;
      this.passOver(error, from);
      return false;
    }
  }

  /** Tells of one bundle that did not come, or that is junk. */
  passOver(fault: Fault, from: string): void {
    if (saysNothing(fault.code)) this.leaveUnread(fault, from);
    else if (this.#passedOver.length < limits.storeBundles) this.#passedOver.push(placed(fault, from));
  }

  /** Tells that a list was not read to its end, for whatever reason: junk there hides what comes after it. */
  leaveUnread(fault: Fault, from: string): void {
    if (this.#unread.length < limits.storeBundles) this.#unread.push(placed(fault, from));
  }

  /**
   * Reads a place part by part, until no more is taken. What breaks the reading off is told beside what was found; where
   * nothing was, "none" is not known, and it is thrown.
   */
  async readParts<T>(place: string, parts: AsyncIterable<T>, read: (part: T) => Promise<unknown>): Promise<Found> {
    try {
      for await (const part of parts) {
        await read(part);
        if (this.#isFull)
          throw new Fault(
            'limit.store-bundles',
            `Cannot take all that ${place} has: want at most ${limits.storeBundles}`,
          );
      }
    } catch (error) {
      if (!(error instanceof Fault) || this.#bundles.size === 0) throw error;
      this.leaveUnread(error, place);
    }
    return this.found();
  }

  found(): Found {
    return { bundles: [...this.#bundles.values()], passedOver: this.#passedOver, unread: this.#unread };
  }

  /** No other bundle is taken, nor is anything else told. */
  get #isFull(): boolean {
    return (
      this.#bundles.size >= limits.storeBundles ||
      this.#passedOver.length >= limits.storeBundles ||
      this.#totalBytes >= limits.storeFoundBytes
    );
  }

  #add(found: FoundBundle): void {
    if (this.#bundles.has(found.sha256)) return;
    this.#checkRoom(found.bytes.byteLength);
    this.#bundles.set(found.sha256, found);
    this.#totalBytes += found.bytes.byteLength;
  }

  #checkRoom(sizeBytes: number): void {
    if (this.#bundles.size < limits.storeBundles && this.#totalBytes + sizeBytes <= limits.storeFoundBytes) return;
    const most = `${limits.storeBundles} bundles of ${limits.storeFoundBytes} bytes`;
    throw new Fault('limit.store-bundles', `Cannot take another bundle for one digest: want at most ${most}`);
  }
}

function placed(fault: Fault, from: string): Fault {
  const where = fault.where === undefined || fault.where === from ? from : `${from}: ${fault.where}`;
  return new Fault(fault.code, fault.message, { where, ...(fault.next === undefined ? {} : { next: fault.next }) });
}

/** A bundle that broke off on its way, that is listed and kept back, or for which there was no room, is no junk. */
function saysNothing(code: FaultCode): boolean {
  return exitOf(code) === exit.unavailable || withheld.has(code);
}

const withheld: ReadonlySet<string> = new Set([
  'store.missing',
  'store.pages',
  'limit.store-bundles',
  'limit.store-pages',
  'limit.search-bytes',
]);
