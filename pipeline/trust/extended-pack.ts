import { Fault, limits } from '../core/index.ts';
import { listPackContent, parseTrustPack, renderPack, type TrustPack, type TrustPackContent } from './trust-pack.ts';

/**
 * The same pack with more bundles behind its own: nothing is dropped or moved. Its name, version and times stay, though it
 * says more than when it was issued: nobody signs them, so a store could make them up, and how fresh a pack is has to stay
 * what its operator delivered. Fault: config.pack-full.
 */
export function extendTrustPack(pack: TrustPack, more: Pick<TrustPackContent, 'bundles' | 'revocations'>): Buffer {
  const content = listPackContent(pack);
  const bundles = [...content.bundles, ...more.bundles];
  const revocations = [...content.revocations, ...more.revocations];
  checkRoom(pack, Math.max(bundles.length, revocations.length), limits.trustPackBundles, 'bundles');
  const bytes = renderPack({ ...content, bundles, revocations });
  checkRoom(pack, bytes.byteLength, limits.trustPackBytes, 'bytes');
  parseTrustPack(bytes);
  return bytes;
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

function checkRoom({ name, version }: TrustPack, actual: number, most: number, unit: string): void {
  if (actual <= most) return;
  throw new Fault(
    'config.pack-full',
    `Cannot add to trust pack ${name} version ${version}: ${actual} ${unit}, want at most ${most}`,
    { next: 'Deliver a new trust pack with what still is needed' },
  );
}
