import { createHash } from 'node:crypto';
import type { Json } from '../core/index.ts';
import type { Inventory, InventoryFile } from '../inventory/index.ts';

/**
 * Which files become components: none, the ELF programs and libraries that are no component already, or every regular
 * file. Every file's digest is in the document's file-list digest in any case.
 */
export const fileSelections = ['none', 'binaries', 'all'] as const;
export type FileSelection = (typeof fileSelections)[number];

/** Plain objects, not models: a whole image has some ten thousand. */
export function buildFileComponents(
  inventory: Inventory,
  selection: FileSelection,
): readonly { [key: string]: Json }[] {
  return selectFiles(inventory, selection).map(({ path, sha256 }) => ({
    type: 'file',
    'bom-ref': `file:${path}`,
    name: path,
    hashes: [{ alg: 'SHA-256', content: sha256.hex }],
  }));
}

function selectFiles({ files, components }: Inventory, selection: FileSelection): readonly InventoryFile[] {
  if (selection === 'none') return [];
  if (selection === 'all') return files;
  const cataloged = new Set(components.map(({ digest }) => digest?.hex));
  return files.filter(({ architecture, sha256 }) => architecture !== null && !cataloged.has(sha256.hex));
}

/**
 * One digest for all files: SHA-256 of what `sha256sum --zero` writes about them in the order of paths, so that a document
 * without the files still binds each of them. NUL ends a line, as a path may hold a line break.
 */
export function fileListDigest({ files }: Inventory): string {
  const state = createHash('sha256');
  for (const { path, sha256 } of files) state.update(`${sha256.hex}  ${path}\0`);
  return state.digest('hex');
}
