import { Digest, exit, exitOf, Fault, type FaultCode, limits } from '../core/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { parseStatement, subjectsOf } from '../formats/statement/index.ts';
import type { Found, FoundBundle } from './store.ts';

/**
 * Gathers what one store finds for one digest. The same bundle counts once; junk is told, and good bundles beside it stay.
 * Both are capped, so that a store that never ends cannot fill the memory.
 */
export class Findings {
  readonly #digests: readonly Digest[];
  readonly #bundles = new Map<string, FoundBundle>();
  readonly #passedOver: Fault[] = [];
  readonly #unread: Fault[] = [];
  #totalBytes = 0;

  readonly #isMixed: boolean;

  /**
   * @param digests the digest asked for, and those that it binds: a manifest's binds its layers'
   * @param isMixed the place holds bundles about other things as well, which are no junk
   */
  constructor(digests: readonly Digest[], { isMixed = false }: { readonly isMixed?: boolean } = {}) {
    this.#digests = digests;
    this.#isMixed = isMixed;
  }

  /**
   * Runs a step that reads one bundle, or null where something else is there; a Fault in it is told at the place and costs no
   * other bundle. True where it was one.
   */
  async attempt(from: string, read: () => Promise<Uint8Array | null>): Promise<boolean> {
    try {
      this.#checkRoom(0);
      const bytes = await read();
      if (bytes !== null) this.#add(parseFoundBundle(bytes, this.#digests, from));
      return bytes !== null;
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
]);

/**
 * Reads what a store gave for a digest. A bundle about something else is refused here already: it would only be carried on.
 * Faults: store.subject, bundle.*, dsse.*, statement.*, json.*, base64.form.
 */
function parseFoundBundle(bytes: Uint8Array, digests: readonly Digest[], from: string): FoundBundle {
  const bundle = parseBundle(bytes);
  const { predicateType, subjects, isAbout } = describeContent(bundle);
  if (!digests.some(isAbout)) {
    const wanted = digests[0] === undefined ? 'it' : Digest.format(digests[0]);
    throw new Fault('store.subject', `Cannot use bundle: ${wanted} is not one of its subjects`);
  }
  return Object.freeze({ sha256: bundle.sha256, bytes, bundle, predicateType, subjects, from });
}

function describeContent({ content }: SigstoreBundle): {
  readonly predicateType: string | null;
  readonly subjects: readonly Digest[];
  readonly isAbout: (digest: Digest) => boolean;
} {
  if (content.kind === 'message') {
    const { digest: own } = content;
    const subjects = own.algorithm === 'sha256' ? [own] : [];
    return { predicateType: null, subjects, isAbout: (digest) => Digest.equals(own, digest) };
  }
  const statement = parseStatement(content.envelope.payload);
  return {
    predicateType: statement.predicateType,
    subjects: statement.subject.flatMap(({ digest }) => {
      const hex = digest['sha256'];
      return hex === undefined ? [] : [Digest.fromHex('sha256', hex)];
    }),
    isAbout: (digest) => subjectsOf(statement, digest).length > 0,
  };
}
