import { resolve } from 'node:path';
import { type Digest, Fault, limits } from '../core/index.ts';
import { openFileSource } from '../edge/files/index.ts';
import { openHashingPool } from '../edge/hashing/index.ts';
import { architectureOf, elfHeaderBytes, parseElfHeader } from '../formats/elf/index.ts';
import { pickNodeBundles, type Policy } from '../policy/index.ts';
import { encodeTrustPack, listPackContent, openAnchors, parseTrustPack, type TrustPack } from '../trust/index.ts';
import { inFile, readInput } from './inputs.ts';
import { openStores } from './stores.ts';
import { noStoreOptions } from './table.ts';
import type { World } from './world.ts';

/** A trust pack as a node needs it. */
export type NodePack = {
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly bundles: number;
  /** How many the release's pack has. */
  readonly givenBundles: number;
  readonly notes: readonly string[];
};

/** The pack with what a node needs of it. Faults: trust-pack.*, config.pack, file.*. */
export function readNodePack(path: string, policy: Policy, world: World, hasStores: boolean): NodePack {
  const given = inFile(path, () => parseTrustPack(readInput(world, path, limits.trustPackBytes)));
  const notes = judgeAnchors(policy, given, path);
  const { bundles, nodeSets } = pickNodeBundles(policy, given.bundles);
  if (nodeSets === 0 && !hasStores)
    throw new Fault('config.pack', `Cannot install ${path}: no node set is in it, so no node would be admitted`, {
      where: path,
      next: 'Give the trust pack of a release with a node set, or stores to fetch it from with --from',
    });
  // What the policy does not pin never counts, and the root that comes with the program is there already.
  const pinned = new Set([
    ...policy.trust.roots.map((root) => root.sha256),
    ...policy.trust.keys.map((key) => key.spkiSha256),
  ]);
  const bytes = encodeTrustPack(
    listPackContent({
      ...given,
      trustedRoots: given.trustedRoots.filter(({ sha256 }) => pinned.has(sha256)),
      publicKeys: given.publicKeys.filter(({ spkiSha256 }) => pinned.has(spkiSha256)),
      bundles,
    }),
  );
  return { version: given.version, bytes, bundles: bundles.length, givenBundles: given.bundles.length, notes };
}

/** What the policy pins and the pack lacks, told here rather than by every node. Fault: config.pack. */
function judgeAnchors(policy: Policy, pack: TrustPack, path: string): readonly string[] {
  const { anchors, missing } = inFile(path, () => openAnchors(policy.trust, pack));
  if (anchors.roots.length === 0 && anchors.keys.length === 0)
    throw new Fault('config.pack', `Cannot install ${path}: it lacks ${missing.join(' and ')}, which the policy pins`, {
      where: path,
      next: 'Add it: nodeproof trust pack PACK --public-key FILE or --trusted-root FILE --name NAME --out NEW',
    });
  return missing.map((anchor) => `the pack lacks ${anchor}: what it signed does not count on these nodes`);
}

/** The SHA-512 of the program, which must be one that such a node runs. Faults: config.program, file.*. */
export async function readProgram(given: string, policy: Policy | undefined, world: World): Promise<Digest> {
  const path = resolve(world.directory, given);
  const refuse = (problem: string): Fault =>
    new Fault('config.program', `Cannot install ${given}: ${problem}`, {
      where: given,
      next: 'Give nodeproof-linux-x64 or nodeproof-linux-arm64 as it is to lie on the node, not compressed',
    });
  using source = openFileSource(path);
  const head = source.read(0, Math.min(elfHeaderBytes, source.sizeBytes));
  const architecture = architectureOfProgram(head);
  if (architecture === null) throw refuse('it is no program for Linux');
  const wanted = policy?.node.os.architectures;
  if (wanted !== undefined && !wanted.includes(architecture))
    throw refuse(`it is for ${architecture}, and the policy admits ${wanted.join(' and ')}`);
  await using hashing = openHashingPool();
  const [digest] = await hashing.digestSource(source, ['sha512']);
  if (digest === undefined) throw new TypeError('Cannot happen: no digest was computed');
  return digest;
}

function architectureOfProgram(head: Uint8Array): string | null {
  try {
    return architectureOf(parseElfHeader(head));
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** Stores become words of a unit, and are looked up on the node. Faults: usage.store, usage.registry. */
export function refuseAstrayStores(from: readonly string[], world: World): void {
  if (from.length > 0) openStores(from, 'from', noStoreOptions, world);
  const astray = from.find((store) => /\p{Cc}/u.test(store) || /^directory:(?!\/|https?:)/.test(store));
  if (astray !== undefined)
    throw new Fault('usage.store', `Cannot let a node ask ${JSON.stringify(astray.slice(0, 200))}`, {
      next: 'Name a store by its address, or a directory by its whole path on the node',
    });
}
