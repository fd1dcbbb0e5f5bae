import { Fault, type Source } from '../../core/index.ts';
import { findVerityDifference, type VerityDifference } from './comparison.ts';
import { layOutVerityTree, type VerityLayout } from './layout.ts';
import { hashLeavesInline, type LeafHasher } from './leaf-hasher.ts';
import { checkVerityParameters, verityDataBytes, type VerityParameters } from './parameters.ts';
import { buildVerityTree } from './tree.ts';

export type VerityInput = {
  readonly parameters: VerityParameters;
  /** The data begins at the start of this source. */
  readonly data: Source;
  /** Where the stored tree is: the same source as the data, or a hash device of its own. */
  readonly hashes: Source;
  readonly treeOffset: number;
  /** What the stored tree should answer to, where it is known; decides only which block is named when something differs. */
  readonly trustedRootHash?: string;
  readonly hashLeaves?: LeafHasher;
};

export type VerityReport = {
  /** Recomputed from the data alone: nothing stored goes into it but the parameters. */
  readonly rootHash: string;
  readonly dataBlocks: number;
  readonly dataSizeBytes: number;
  /** Where the stored tree ends on its device. */
  readonly treeEndOffset: number;
  /** `none` for one data block, which has no tree. */
  readonly storedTree: 'matches' | 'none' | { readonly firstDifference: VerityDifference };
};

/**
 * Recomputes the root hash over all data and compares the stored tree byte for byte. Whether the root hash is the wanted
 * one is the caller's question.
 * Faults: verity.data-size, verity.hash-size, verity.overlap, those of checkVerityParameters and layOutVerityTree, and
 * those of the sources.
 */
export async function verifyVerityTree(input: VerityInput): Promise<VerityReport> {
  const { data, hashes, treeOffset, trustedRootHash, hashLeaves = hashLeavesInline } = input;
  const parameters = checkVerityParameters(input.parameters);
  const layout = layOutVerityTree(parameters, treeOffset);
  checkPlaces(data, hashes, treeOffset, parameters, layout);
  const tree = await buildVerityTree(data, parameters, layout, hashLeaves);
  const firstDifference = findVerityDifference(tree, hashes, layout, parameters, trustedRootHash);
  return Object.freeze({
    rootHash: tree.rootHash,
    dataBlocks: parameters.dataBlocks,
    dataSizeBytes: verityDataBytes(parameters),
    treeEndOffset: layout.endOffset,
    storedTree:
      layout.levels.length === 0
        ? 'none'
        : firstDifference === undefined
          ? 'matches'
          : Object.freeze({ firstDifference }),
  });
}

/** Data and tree lie inside their devices and, on one device, not over each other. Checked before anything is hashed. */
function checkPlaces(
  data: Source,
  hashes: Source,
  treeOffset: number,
  parameters: VerityParameters,
  layout: VerityLayout,
): void {
  const dataEnd = verityDataBytes(parameters);
  if (dataEnd > data.sizeBytes)
    throw new Fault(
      'verity.data-size',
      `Cannot verify ${data.name}: ${dataEnd} bytes of data, have ${data.sizeBytes}`,
      {
        where: data.name,
      },
    );
  if (layout.levels.length === 0) return;
  if (layout.endOffset > hashes.sizeBytes)
    throw new Fault(
      'verity.hash-size',
      `Cannot verify ${data.name}: the tree ends at ${layout.endOffset}, ${hashes.name} has ${hashes.sizeBytes} bytes`,
      { where: hashes.name },
    );
  if (data === hashes && treeOffset < dataEnd)
    throw new Fault(
      'verity.overlap',
      `Cannot verify ${data.name}: the tree begins at ${treeOffset}, inside ${dataEnd} bytes of data`,
      { where: data.name },
    );
}
