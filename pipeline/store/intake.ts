import { Digest, Fault, limits } from '../core/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { bindingDigests, parseStatement } from '../formats/statement/index.ts';
import { Gate } from './gate.ts';
import type { FoundBundle } from './store.ts';

/** What a search makes of a bundle before it holds it. */
export type Screen = {
  /** Judges by the signature over the bytes, before what was signed is read. Fault: why the bundle cannot count. */
  readonly checkSigner: (bundle: SigstoreBundle) => void;
  /** The share of the room that statements of a type have to themselves; null where nobody needs them. */
  readonly shareOf: (predicateType: string | null) => string | null;
};

/** On what terms a search takes what stores give. */
export type IntakeTerms = {
  readonly screen: Screen;
  /** Bytes of one bundle, and of all that are on their way at once: to read one takes five times its bytes. */
  readonly bundleBytes: number;
  /** What one store may fill of each share. */
  readonly shareBytes: number;
};

/** Takes whatever is about a digest: what it is worth is for those to find out who asked. */
export const plainTerms: IntakeTerms = {
  screen: { checkSigner: () => undefined, shareOf: () => 'all' },
  bundleBytes: limits.bundleBytes,
  shareBytes: limits.searchBytes,
};

type Held = { readonly found: FoundBundle; readonly about: ReadonlySet<string>; readonly share: string };

/** What one search takes of what one store gives: each bundle is read and held once, however many digests it is about. */
export class Intake {
  readonly #terms: IntakeTerms;
  /** Its own: a store that hangs holds up no other. */
  readonly #gate: Gate;
  readonly #held = new Map<string, Held>();
  readonly #refused = new Set<string>();
  readonly #unneeded = new Set<string>();
  readonly #bytesOf = new Map<string, number>();
  #wasteBytes = 0;

  constructor(terms: IntakeTerms = plainTerms) {
    this.#terms = terms;
    this.#gate = new Gate(terms.bundleBytes);
  }

  /** SHA-256 of bundles of which nobody needs what they say. */
  get unneeded(): ReadonlySet<string> {
    return this.#unneeded;
  }

  /**
   * Waits until a bundle of this size may be read; null where it need not be, as it was looked at under another digest and is
   * of no use. Fault: limit.search-bundle.
   */
  async enter(sizeBytes: number, sha256?: string): Promise<Disposable | null> {
    if (this.#isDropped(sha256)) return null;
    this.#checkSize(sizeBytes);
    const room = await this.#gate.enter(sizeBytes);
    if (!this.#isDropped(sha256)) return room;
    room[Symbol.dispose]();
    return null;
  }

  /** A store must not have us read without end what is of no use. Fault: limit.search-bytes. */
  checkWaste(): void {
    if (this.#wasteBytes > limits.searchBytes) throw tooMuch('read on', limits.searchBytes);
  }

  /**
   * Reads what a store gave for a digest; null where it is of no use, as was told before or is no matter. A bundle about
   * something else is refused here already: it would only be carried on.
   * Faults: store.subject, limit.search-bundle, limit.search-bytes, those of the screen, bundle.*, dsse.*, statement.*, json.*, base64.form.
   *
   * @param digests the digest asked for, and those that it binds
   */
  take(bytes: Uint8Array, digests: readonly Digest[], from: string): FoundBundle | null {
    this.#checkSize(bytes.byteLength);
    const { hex: sha256 } = Digest.of('sha256', bytes);
    if (this.#isDropped(sha256)) return null;
    const held = this.#held.get(sha256) ?? this.#read(bytes, sha256, from);
    if (held === null) return null;
    if (!digests.some((digest) => held.about.has(Digest.format(digest)))) {
      const wanted = digests[0] === undefined ? 'it' : Digest.format(digests[0]);
      throw new Fault('store.subject', `Cannot use bundle: ${wanted} is not one of its subjects`);
    }
    if (!this.#held.has(sha256)) this.#hold(held);
    return held.found;
  }

  #isDropped(sha256: string | undefined): boolean {
    return sha256 !== undefined && (this.#refused.has(sha256) || this.#unneeded.has(sha256));
  }

  #checkSize(sizeBytes: number): void {
    const { bundleBytes } = this.#terms;
    if (sizeBytes <= bundleBytes) return;
    throw new Fault('limit.search-bundle', `Cannot take bundle: ${sizeBytes} bytes, want at most ${bundleBytes}`);
  }

  #read(bytes: Uint8Array, sha256: string, from: string): Held | null {
    try {
      const bundle = parseBundle(bytes);
      this.#checkSigner(bundle);
      const { predicateType, subjects } = describeContent(bundle);
      const share = this.#terms.screen.shareOf(predicateType);
      if (share === null) {
        this.#unneeded.add(sha256);
        this.#wasteBytes += bytes.byteLength;
        return null;
      }
      const found = Object.freeze({
        sha256,
        bytes,
        bundle,
        predicateType,
        subjects: subjects.filter(({ algorithm }) => algorithm === 'sha256'),
        from,
      });
      return { found, about: new Set(subjects.map(Digest.format)), share };
    } catch (error) {
      this.#wasteBytes += bytes.byteLength;
      throw error;
    }
  }

  #checkSigner(bundle: SigstoreBundle): void {
    try {
      this.#terms.screen.checkSigner(bundle);
    } catch (error) {
      this.#refused.add(bundle.sha256);
      throw error;
    }
  }

  #hold(held: Held): void {
    const { found, share } = held;
    const totalBytes = (this.#bytesOf.get(share) ?? 0) + found.bytes.byteLength;
    if (totalBytes > this.#terms.shareBytes) throw tooMuch('take all bundles', this.#terms.shareBytes);
    this.#bytesOf.set(share, totalBytes);
    this.#held.set(found.sha256, held);
  }
}

function tooMuch(what: string, mostBytes: number): Fault {
  return new Fault('limit.search-bytes', `Cannot ${what}: want at most ${mostBytes} bytes`, {
    next: 'Ask for fewer files at once, or this store for less',
  });
}

function describeContent({ content }: SigstoreBundle): {
  readonly predicateType: string | null;
  readonly subjects: readonly Digest[];
} {
  if (content.kind === 'message') return { predicateType: null, subjects: [content.digest] };
  const { predicateType, subject } = parseStatement(content.envelope.payload);
  return { predicateType, subjects: subject.flatMap(({ digest }) => bindingDigests(digest)) };
}
