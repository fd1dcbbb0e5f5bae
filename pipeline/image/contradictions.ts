import type { FaultCode } from '../core/index.ts';
import type { Partition } from '../formats/gpt/index.ts';
import { findForbiddenPaths } from './forbidden-paths.ts';
import type { NodeImage } from './node-image.ts';
import type { Sysext } from './sysext.ts';
import type { VerityFacts } from './verity.ts';

/** Two facts of one image that cannot both be true: it was altered, or put together from parts of others. */
export type Contradiction = { readonly code: FaultCode; readonly message: string; readonly next: string };

/** How the ways to know the usr hash of an image compare. */
export type UsrHashFacts = {
  /** Recomputed from every data block; null without verity. */
  readonly computed: string | null;
  readonly kernel: string | null;
  readonly storedTree: VerityFacts['report']['storedTree'] | null;
  /** Null where there is nothing to compare with. */
  readonly agree: boolean | null;
};

export function compareUsrHashes(image: NodeImage): UsrHashFacts {
  const report = image.usr.verity?.report;
  const kernel = image.kernel?.header.embeddedUsrHash ?? null;
  const computed = report?.rootHash ?? null;
  const storedTree = report?.storedTree ?? null;
  const comparisons = [
    ...(kernel === null ? [] : [kernel === computed]),
    ...(storedTree === null || storedTree === 'none' ? [] : [storedTree === 'matches']),
  ];
  return { computed, kernel, storedTree, agree: comparisons.length === 0 ? null : comparisons.every(Boolean) };
}

/** Judges whether a node image agrees with itself: its usr hash, what verity covers, the machine that it is for. */
export function judgeNodeImage(image: NodeImage): readonly Contradiction[] {
  const { verity, tree, architecture } = image.usr;
  const { computed, kernel } = compareUsrHashes(image);
  const next = 'Take the image from where it was built';
  const built = image.kernel?.header.architecture ?? architecture;
  return [
    ...(kernel === null || kernel === computed
      ? []
      : [
          {
            code: 'image.usr-hash' as const,
            message: `The kernel boots a /usr with usr hash ${kernel}, the data has ${computed ?? 'none'}`,
            next,
          },
        ]),
    ...judgeVerity('/usr', verity, tree.facts.sizeBytes, next),
    ...(built === architecture
      ? []
      : [
          {
            code: 'image.architecture' as const,
            message: `The kernel is for ${built}, the programs under /usr are for ${architecture}`,
            next,
          },
        ]),
  ];
}

/**
 * Judges whether an extension agrees with itself: data, stored hash tree and the root hash that was signed; and with what
 * every extension must be: one that replaces who the node is or who judges it is merged nowhere.
 */
export function judgeSysext(sysext: Sysext): readonly Contradiction[] {
  const { verity, signature, tree, release, partitionArchitecture } = sysext;
  const next = 'Take the extension from where it was built';
  const rootHash = verity?.report.rootHash ?? null;
  const declared = release.release.architecture ?? '_any';
  return [
    ...judgeVerity('the data', verity, tree.facts.sizeBytes, next),
    ...(partitionArchitecture === null || declared === '_any' || declared === partitionArchitecture
      ? []
      : [
          {
            code: 'image.architecture' as const,
            message: `The extension-release is for ${JSON.stringify(declared.slice(0, 40))}, the partition is of the type for ${partitionArchitecture}`,
            next,
          },
        ]),
    ...(signature === null || signature.rootHash === rootHash
      ? []
      : [
          {
            code: 'image.signed-root-hash' as const,
            message: `The signature partition is over root hash ${signature.rootHash}, the data has ${rootHash ?? 'no verity'}`,
            next,
          },
        ]),
    ...findForbiddenPaths(sysext).map((path) => ({
      code: 'image.forbidden-path' as const,
      message: `The extension ships ${path}, which none may: no node is admitted with it`,
      next: `Build it without ${path}`,
    })),
  ];
}

/** The kernel reads nothing beyond what verity covers, and refuses each block that its stored tree does not fit. */
function judgeVerity(
  what: string,
  verity: VerityFacts | null,
  fileSystemBytes: number,
  next: string,
): readonly Contradiction[] {
  if (verity === null) return [];
  const { storedTree, dataSizeBytes } = verity.report;
  return [
    ...(storedTree === 'matches' || storedTree === 'none'
      ? []
      : [
          {
            code: 'image.hash-tree' as const,
            message: `The stored hash tree of ${what} differs from its data, first at ${describeDifference(storedTree.firstDifference)}`,
            next,
          },
        ]),
    ...(dataSizeBytes >= fileSystemBytes
      ? []
      : [
          {
            code: 'image.verity-coverage' as const,
            message: `Verity covers ${dataSizeBytes} bytes of ${what}, its file system has ${fileSystemBytes}`,
            next,
          },
        ]),
  ];
}

type Difference = Exclude<VerityFacts['report']['storedTree'], string>['firstDifference'];

function describeDifference(difference: Difference): string {
  const block =
    difference.kind === 'data-block'
      ? `data block ${difference.block}`
      : `block ${difference.block} of level ${difference.level} of the tree`;
  return `${block}, byte ${difference.offset}`;
}

/**
 * Tells where partitions of a DDI do not have the GUIDs that its root hash gives them: its first half is the data
 * partition's, its last half the hash tree's (Discoverable Partitions Specification). Not a lie, but a trap.
 */
export function describePartitionGuids(rootHash: string, data: Partition, hashes: Partition): readonly string[] {
  const expected = [
    [data, rootHash.slice(0, 32)],
    [hashes, rootHash.slice(-32)],
  ] as const;
  return expected
    .filter(([partition, half]) => partition.guid.replaceAll('-', '') !== half)
    .map(
      ([partition, half]) =>
        `Partition ${partition.number} has GUID ${partition.guid}, want the half of the root hash, ${half}: systemd does not find the partitions by the root hash`,
    );
}
