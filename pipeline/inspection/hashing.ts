import type { Digest, DigestAlgorithm, Source } from '../core/index.ts';
import type { FileTree } from '../formats/file-tree/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import { readSysext, type Sysext } from '../image/index.ts';
import {
  collectInventory,
  collectInventoryShared,
  type Component,
  type Inventory,
  type InventoryHelper,
} from '../inventory/index.ts';

/** Whoever hashes and examines big things: `edge/` does it on all cores. */
export type Hashing = {
  readonly hashLeaves: LeafHasher;
  digestSource(source: Source, algorithms: readonly DigestAlgorithm[]): Promise<readonly Digest[]>;
  /** Examines files on another core; without it one core examines them all. */
  readonly inventory?: InventoryHelper;
};

/** Reads every file of a tree. */
export async function readInventory(
  tree: FileTree,
  { inventory }: Hashing,
  known: readonly Component[] = [],
): Promise<Inventory> {
  const options = { mount: '', known } as const;
  return inventory === undefined ? collectInventory(tree, options) : collectInventoryShared(tree, options, inventory);
}

/** An extension with its files and the digests of the whole image, all in one go. */
export async function readSysextContent(
  source: Source,
  name: string | null,
  algorithms: readonly DigestAlgorithm[],
  hashing: Hashing,
): Promise<{ readonly digests: readonly Digest[]; readonly sysext: Sysext; readonly inventory: Inventory }> {
  const [digests, content] = await Promise.all([
    hashing.digestSource(source, withSha256(algorithms)),
    readSysextFiles(source, name, hashing),
  ]);
  return { digests, ...content };
}

async function readSysextFiles(source: Source, name: string | null, hashing: Hashing) {
  const sysext = await readSysext(source, hashing.hashLeaves, name ?? undefined);
  return { sysext, inventory: await readInventory(sysext.tree, hashing) };
}

/** SHA-256 names every file, whatever else is asked for. */
export function withSha256(algorithms: readonly DigestAlgorithm[]): readonly DigestAlgorithm[] {
  return [...new Set<DigestAlgorithm>(['sha256', ...algorithms])];
}
