import type { Source } from '../../core/index.ts';
import { ChunkMap, readSystemChunks } from './chunk-map.ts';
import { itemType, objectId } from './key.ts';
import { type NodePointer, NodeReader } from './node.ts';
import { Tree } from './search.ts';
import { readSuperblock, type Superblock } from './superblock.ts';

/** What all subvolumes share: the device, its address map and the tree of trees. */
export type Volume = {
  readonly source: Source;
  readonly superblock: Superblock;
  readonly chunks: ChunkMap;
  readonly rootTree: Tree;
  openTree(root: NodePointer): Tree;
};

/** Superblock, then the chunks it holds itself, then the tree of all chunks, then the tree of trees. */
export function openVolume(source: Source): Volume {
  const superblock = readSuperblock(source);
  const systemNodes = new NodeReader(source, superblock, readSystemChunks(superblock));
  const chunks = readChunks(superblock, new Tree(systemNodes, superblock.chunkRoot));
  const nodes = new NodeReader(source, superblock, chunks);
  const openTree = (root: NodePointer): Tree => new Tree(nodes, root);
  return Object.freeze({ source, superblock, chunks, rootTree: openTree(superblock.root), openTree });
}

function readChunks(superblock: Superblock, chunkTree: Tree): ChunkMap {
  const map = new ChunkMap(superblock);
  for (const item of chunkTree.items(objectId.chunkTree, itemType.chunk)) map.add(item.offset, item.reader('chunk'));
  return map;
}
