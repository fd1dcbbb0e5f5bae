import { type Json, limits } from '../core/index.ts';
import { listPackContent, parseTrustPack, renderPack, type TrustPack, type TrustPackContent } from './trust-pack.ts';

/** Documents that go into a pack together or not at all, and the room that they must leave for what comes after them. */
export type PackUnit = Pick<TrustPackContent, 'bundles' | 'revocations'> & {
  readonly sparedBytes: number;
  readonly sparedBundles: number;
};

export type ExtendedPack<Unit> = {
  /** Null where nothing was added. */
  readonly bytes: Buffer | null;
  readonly added: readonly Unit[];
  /** What there was no room for. */
  readonly left: readonly Unit[];
};

/**
 * The same pack with more behind its own: nothing is dropped or moved. Of the units, in their order, each is added that fits;
 * one that does not keeps no other out. A document that several of them have is added once. The name of the pack, its version
 * and times stay, though it says more than when it was issued: nobody signs them, so a store could make them up, and how fresh
 * a pack is has to stay what its operator delivered.
 */
export function extendTrustPack<Unit extends PackUnit>(pack: TrustPack, units: readonly Unit[]): ExtendedPack<Unit> {
  const content = listPackContent(pack);
  const bundles = new Set(content.bundles);
  const revocations = new Set(content.revocations);
  let sizeBytes = renderPack(content).byteLength;
  const added: Unit[] = [];
  const left: Unit[] = [];
  for (const unit of units) {
    const freshBundles = unit.bundles.filter((document) => !bundles.has(document));
    const freshRevocations = unit.revocations.filter((document) => !revocations.has(document));
    const grownBytes = [...freshBundles, ...freshRevocations].reduce<number>(
      (sum, document) => sum + countBytes(document),
      sizeBytes,
    );
    const fits =
      grownBytes <= limits.trustPackBytes - unit.sparedBytes &&
      bundles.size + freshBundles.length <= limits.trustPackBundles - unit.sparedBundles &&
      revocations.size + freshRevocations.length <= limits.trustPackBundles;
    (fits ? added : left).push(unit);
    if (!fits) continue;
    sizeBytes = grownBytes;
    for (const document of freshBundles) bundles.add(document);
    for (const document of freshRevocations) revocations.add(document);
  }
  if (added.length === 0) return { bytes: null, added, left };
  const bytes = renderPack({ ...content, bundles: [...bundles], revocations: [...revocations] });
  parseTrustPack(bytes);
  return { bytes, added, left };
}

/** What a document takes in a pack, where it is as deep, and a few bytes more. */
function countBytes(document: Json): number {
  return Buffer.byteLength(JSON.stringify([[document]], null, 1));
}

/** Whether a pack is an earlier one, or that one extended. */
export function isExtensionOf(pack: TrustPack, earlier: TrustPack): boolean {
  const [own, other] = [listPackContent(pack), listPackContent(earlier)];
  const beginning = {
    ...own,
    bundles: own.bundles.slice(0, other.bundles.length),
    revocations: own.revocations.slice(0, other.revocations.length),
  };
  return renderPack(beginning).equals(renderPack(other));
}
