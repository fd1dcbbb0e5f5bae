import { Fault, limits, type Source } from '../../core/index.ts';
import type { FileTree, TreeEntry, TreeNode } from '../file-tree/index.ts';
import { readBootSector, type Volume } from './boot-sector.ts';
import { ClusterChains, type Run } from './cluster-chain.ts';
import { type DirectoryEntry, parseDirectory } from './directory.ts';

/** A directory cannot be larger: its entries are numbered with 16 bits. */
const directoryBytes = 65_536 * 32;

/**
 * Opens a FAT12, FAT16 or FAT32 volume with long names. FAT has no owners, permissions, links or attributes: files are
 * root's and 0644, or 0444 where marked read-only. Names keep the case in which they are stored; FAT itself ignores case,
 * which is for the caller to do (no two names of a directory differ in case alone).
 *
 * Faults: fat.* and source.range; on every method of the tree too.
 */
export function openFat(source: Source): FileTree {
  const volume = readBootSector(source);
  const chains = new ClusterChains(source, volume);
  const opened = new WeakMap<TreeNode, Content>();

  const register = (node: TreeNode, content: Content): TreeNode => {
    opened.set(node, content);
    return node;
  };
  const contentOf = (node: TreeNode, wanted: TreeNode['kind']): Content => {
    const content = opened.get(node);
    if (content === undefined || node.kind !== wanted)
      throw new Fault('tree.kind', `Cannot read a ${node.kind} as a ${wanted} of this tree`);
    return content;
  };
  const root = register(
    Object.freeze({ kind: 'directory', id: 0, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, modifiedAt: 0 }),
    'cluster' in volume.root ? { firstCluster: volume.root.cluster } : { run: volume.root },
  );

  return {
    facts: {
      format: 'fat',
      label: volume.label,
      uuid: volume.serial,
      blockSizeBytes: volume.clusterBytes,
      compression: null,
      sizeBytes: volume.sizeBytes,
    },
    root,
    list: (directory) => {
      const runs = runsOf(chains, contentOf(directory, 'directory'), directoryBytes);
      const entries = parseDirectory(readRuns(source, runs), volume.kind);
      const placeOf = placesIn(runs);
      return entries.map((entry): TreeEntry => {
        const node = register(nodeOf(entry, placeOf(entry.position)), { firstCluster: entry.firstCluster });
        return { name: entry.name, node };
      });
    },
    chunks: (file) => readFileChunks(source, volume, chains, contentOf(file, 'file'), file.sizeBytes),
    target: (node) => {
      throw new Fault('tree.kind', `Cannot read the target of a ${node.kind}: want a symbolic link`);
    },
    xattrs: () => new Map(),
  };
}

/** Where content is: a chain, or the root region of FAT12 and FAT16. */
type Content = { readonly firstCluster: number } | { readonly run: Run };

function nodeOf(entry: DirectoryEntry, place: number): TreeNode {
  return Object.freeze({
    kind: entry.directory ? 'directory' : 'file',
    // Where its entry stands is the only thing that a file has for itself.
    id: place / 32,
    mode: entry.directory ? 0o755 : entry.readOnly ? 0o444 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: entry.sizeBytes,
    modifiedAt: entry.modifiedAt,
  });
}

function runsOf(chains: ClusterChains, content: Content, maxBytes: number): readonly Run[] {
  if ('run' in content) return [content.run];
  const runs: Run[] = [];
  let sizeBytes = 0;
  for (const run of chains.runs(content.firstCluster, maxBytes + 1)) {
    sizeBytes += run.sizeBytes;
    if (sizeBytes > maxBytes)
      throw new Fault('fat.directory', `Cannot read a directory: more than ${maxBytes} bytes`, {
        where: `cluster ${content.firstCluster}`,
      });
    runs.push(run);
  }
  return runs;
}

function readRuns(source: Source, runs: readonly Run[]): Uint8Array {
  const parts = runs.map((run) => source.read(run.start, run.sizeBytes));
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** Translates positions in the content of runs, asked for in ascending order, to places in the source. */
function placesIn(runs: readonly Run[]): (position: number) => number {
  let index = 0;
  let before = 0;
  return (position) => {
    let run = runs[index];
    while (run !== undefined && position >= before + run.sizeBytes) {
      before += run.sizeBytes;
      run = runs[++index];
    }
    return (run?.start ?? 0) + position - before;
  };
}

function* readFileChunks(
  source: Source,
  volume: Volume,
  chains: ClusterChains,
  content: Content,
  sizeBytes: number,
): Generator<Uint8Array> {
  if (sizeBytes === 0 || 'run' in content) return;
  if (sizeBytes > Math.min(limits.fileBytes, volume.clusterCount * volume.clusterBytes))
    throw new Fault('fat.size', `Cannot read a file of ${sizeBytes} bytes: the volume is smaller`);
  let left = sizeBytes;
  for (const run of chains.runs(content.firstCluster, sizeBytes)) {
    const length = Math.min(run.sizeBytes, left);
    yield source.read(run.start, length);
    left -= length;
  }
  if (left > 0) throw new Fault('fat.size', `Cannot read a file of ${sizeBytes} bytes: its chain ends ${left} early`);
}
