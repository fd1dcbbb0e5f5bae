import { Fault, limits, type Source } from '../../core/index.ts';
import { holdsItsChecksum } from './checksum.ts';
import type { ChunkMap } from './chunk-map.ts';
import { compareKeys, keyBytes } from './key.ts';
import type { Superblock } from './superblock.ts';

/** What a parent, or the superblock, says about a node; the node must agree. */
export type NodePointer = {
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
};

/** A checked node: level 0 holds items, the others point to nodes one level below. Keys rise strictly. */
export type Node = {
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes from one key to the next. */
  readonly strideBytes: number;
};

/** btrfs_header: csum, fsid, bytenr, flags, chunk_tree_uuid, generation, owner, nritems, level. */
export const headerBytes = 101;
/** btrfs_item: a key, then offset and size of its content, both u32. */
const itemBytes = keyBytes + 8;
/** btrfs_key_ptr: a key, then the node's address and generation, both u64. */
const pointerBytes = keyBytes + 16;
/** BTRFS_MAX_LEVEL: levels 0 to 7. */
const levels = 8;

/** Reads nodes by logical address, each checked before anyone sees it, the last used ones kept up to a cap in bytes. */
export class NodeReader {
  readonly #source: Source;
  readonly #superblock: Superblock;
  readonly #chunks: ChunkMap;
  readonly #cachedNodes: number;
  /** Those used since the last turn, and those used before it, which the next turn drops. */
  #young = new Map<number, Node>();
  #old = new Map<number, Node>();

  constructor(source: Source, superblock: Superblock, chunks: ChunkMap) {
    this.#source = source;
    this.#superblock = superblock;
    this.#chunks = chunks;
    this.#cachedNodes = Math.floor(limits.btrfsNodeCacheBytes / 2 / superblock.nodeBytes);
  }

  /** The node at a pointer. Faults: btrfs.node, btrfs.checksum, btrfs.address, source.range. */
  read(pointer: NodePointer): Node {
    const node = this.#young.get(pointer.bytenr) ?? this.#renew(pointer.bytenr);
    if (node.level !== pointer.level || node.generation !== pointer.generation) {
      throw this.#fault(
        pointer.bytenr,
        `level ${node.level} of generation ${node.generation}, want level ${pointer.level} of generation ${pointer.generation}`,
      );
    }
    return node;
  }

  #renew(bytenr: number): Node {
    const node = this.#old.get(bytenr) ?? this.#load(bytenr);
    if (this.#young.size >= this.#cachedNodes) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(bytenr, node);
    return node;
  }

  #load(bytenr: number): Node {
    const superblock = this.#superblock;
    const physical = this.#chunks.locate(bytenr, superblock.nodeBytes);
    const bytes = this.#source.read(physical, superblock.nodeBytes);
    if (!holdsItsChecksum(superblock.checksum, bytes)) {
      throw new Fault(
        'btrfs.checksum',
        `Cannot read btrfs: the ${superblock.checksum.name} checksum of a node does not match`,
        {
          where: `${this.#source.name}, node at logical ${bytenr}, byte ${physical}`,
          next: 'The image is damaged: fetch or build it again',
        },
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const level = view.getUint8(100);
    const node: Node = {
      bytenr,
      level,
      generation: Number(view.getBigUint64(80, true)),
      count: view.getUint32(96, true),
      bytes,
      view,
      strideBytes: level === 0 ? itemBytes : pointerBytes,
    };
    this.#check(node);
    return node;
  }

  /** What Linux's tree-checker asks of every node, so that searches below need no doubt. */
  #check(node: Node): void {
    if (Buffer.compare(node.bytes.subarray(32, 48), this.#superblock.metadataUuid) !== 0)
      throw this.#fault(node.bytenr, 'it belongs to another file system');
    const ownAddress = node.view.getBigUint64(48, true);
    if (ownAddress !== BigInt(node.bytenr)) throw this.#fault(node.bytenr, `it says it stands at ${ownAddress}`);
    if (node.level >= levels) throw this.#fault(node.bytenr, `level ${node.level}, want at most ${levels - 1}`);
    const capacity = Math.floor((node.bytes.length - headerBytes) / node.strideBytes);
    if (node.count > capacity) throw this.#fault(node.bytenr, `${node.count} entries, want at most ${capacity}`);
    if (node.count === 0 && node.level > 0) throw this.#fault(node.bytenr, 'no entries');
    for (let slot = 1; slot < node.count; slot++) {
      const at = keyAt(node, slot);
      if (compareKeys(node.view, at - node.strideBytes, node.view, at) >= 0)
        throw this.#fault(node.bytenr, `key ${slot} does not rise`);
    }
    if (node.level === 0) this.#checkItems(node);
  }

  /** Contents stand without gap or overlap from the end of the leaf towards the item headers. */
  #checkItems(node: Node): void {
    let end = node.bytes.length - headerBytes;
    for (let slot = 0; slot < node.count; slot++) {
      const at = keyAt(node, slot) + keyBytes;
      const start = node.view.getUint32(at, true);
      if (start + node.view.getUint32(at + 4, true) !== end)
        throw this.#fault(node.bytenr, `item ${slot} does not end at ${end}`);
      end = start;
    }
    if (end < node.count * itemBytes) throw this.#fault(node.bytenr, 'items overlap their headers');
  }

  #fault(bytenr: number, problem: string): Fault {
    return new Fault('btrfs.node', `Cannot read btrfs: a node is not what it should be: ${problem}`, {
      where: `${this.#source.name}, node at logical ${bytenr}`,
    });
  }
}

export function keyAt(node: Node, slot: number): number {
  return headerBytes + slot * node.strideBytes;
}
