import { join } from 'node:path';
import { Digest, Fault, type Json, limits } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseBundle } from '../formats/sigstore-bundle/index.ts';
import {
  type BundleFile,
  listFollowed,
  listStanding,
  type Material,
  type Policy,
  type Situation,
} from '../policy/index.ts';
import {
  type Candidates,
  openAnchors,
  parsePublicKey,
  parseTrustedRootCandidate,
  parseTrustPack,
  type TrustPack,
} from '../trust/index.ts';
import {
  asConfiguration,
  inFile,
  inputLimits,
  listDirectory,
  readConfiguration,
  readInput,
  splitLines,
} from './inputs.ts';
import type { SearchOptions } from './search.ts';
import type { World } from './world.ts';

/** Where attestations, roots and keys come from. None of it is trusted: the policy picks what counts. */
export type MaterialOptions = {
  readonly 'trust-pack': string | undefined;
  readonly bundle: readonly string[];
  readonly dir?: string | undefined;
  readonly 'trusted-root': readonly string[];
  readonly 'public-key': readonly string[];
};

/**
 * Adds what the stores have about digests, where any were named: their code is loaded only then. A store is untrusted
 * transport, too. Faults: usage.store, usage.offline, usage.registry.
 */
export async function addFound(
  digests: readonly Digest[],
  situation: Pick<Situation, 'policy' | 'material' | 'now'>,
  options: SearchOptions,
  world: World,
): Promise<Material> {
  const { policy, material: given } = situation;
  if (options.from.length === 0 && options.cache === undefined) return given;
  const { searchMaterial } = await import('./search.ts');
  const { bundles, silences } = await searchMaterial([...digests, ...listStanding(policy)], options, world, (found) =>
    listFollowed([...given.bundles, ...found], digests, situation),
  );
  return { ...given, bundles: distinct([...given.bundles, ...bundles]), silences };
}

/** Reads all that was given and opens what the policy pins of it. A bundle that cannot be read is told, not fatal. */
export function readMaterial(options: MaterialOptions, policy: Policy, world: World): Material {
  const { dir } = options;
  const files = dir === undefined ? [] : listDirectory(world, dir).map((name) => join(dir, name));
  const packPath = options['trust-pack'];
  const packs = [
    ...(packPath === undefined ? [] : [packPath]),
    ...files.filter((path) => path.endsWith('.trust-pack.json')),
  ].map((path) => readPack(world, path));
  const bundles = [...options.bundle, ...files.filter((path) => path.endsWith('.sigstore.json'))].flatMap((path) =>
    readBundles(world, path),
  );
  const roots = options['trusted-root'].map((path) =>
    asConfiguration(path, () => parseTrustedRootCandidate(readConfiguration(world, path, limits.trustedRootBytes))),
  );
  const keys = options['public-key'].map((path) =>
    inFile(path, () => parsePublicKey(Buffer.from(readConfiguration(world, path, inputLimits.pem)).toString('utf8'))),
  );
  const candidates: Candidates = {
    trustedRoots: [...roots, ...packs.flatMap(({ pack }) => pack.trustedRoots)],
    publicKeys: [...keys, ...packs.flatMap(({ pack }) => pack.publicKeys)],
  };
  const { anchors, missing } = openAnchors(policy.trust, candidates);
  // The given pack, or the newest of a directory: an old one there must be as fresh as one that was given.
  const [fresh] = packPath === undefined ? packs.toSorted((a, b) => b.pack.version - a.pack.version) : packs;
  return {
    anchors,
    missingAnchors: missing,
    bundles: distinct([...bundles, ...packs.flatMap(packedBundles)]),
    pack: fresh?.pack ?? null,
    silences: [],
  };
}

/** What one pack alone gives to judge by: its bundles, and the roots and keys that the policy pins. Fault: trusted-root.field. */
export function packMaterial(path: string, pack: TrustPack, policy: Policy): Material {
  const { anchors, missing } = openAnchors(policy.trust, pack);
  const bundles = distinct(packedBundles({ path, pack }));
  return { anchors, missingAnchors: missing, bundles, pack, silences: [] };
}

type NamedPack = { readonly path: string; readonly pack: TrustPack };

function readPack(world: World, path: string): NamedPack {
  return { path, pack: inFile(path, () => parseTrustPack(readInput(world, path, limits.trustPackBytes))) };
}

function packedBundles({ path, pack }: NamedPack): readonly BundleFile[] {
  return [...pack.bundles, ...pack.revocations].flatMap((json, at) => readable(`${path} bundle ${at + 1}`, () => json));
}

/** One bundle, or one a line (in-toto bundle: unordered, lines that do not read are passed over). */
function readBundles(world: World, path: string): readonly BundleFile[] {
  const bytes = readInput(world, path, limits.trustPackBytes);
  if (!path.endsWith('.jsonl')) return readable(path, () => parseJsonBytes(bytes, 'bundle', limits.bundleBytes));
  return inFile(path, () => splitLines(bytes)).flatMap(({ number, line }) =>
    readable(`${path} line ${number}`, () => parseJsonBytes(line, 'bundle', limits.bundleBytes)),
  );
}

/** A junk bundle among good ones must not hide them; whether a good one is left is the judgement's business. */
function readable(name: string, read: () => Json): readonly BundleFile[] {
  try {
    return [{ name, bundle: parseBundle(read()) }];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [{ name, fault: error }];
  }
}

/** The same bundle often comes twice: in a trust pack and as a file beside it. */
function distinct(files: readonly BundleFile[]): readonly BundleFile[] {
  const seen = new Set<string>();
  return files.filter((file) => {
    if (!('bundle' in file)) return true;
    const key = Digest.of('sha256', JSON.stringify(file.bundle.json)).hex;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}
