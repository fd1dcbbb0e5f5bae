import { ByteReader, Fault } from '../../core/index.ts';
import { compareKeys, encodeKey, keyBytes, largestOffset } from './key.ts';
import { headerBytes, keyAt, type Node, type NodePointer, type NodeReader } from './node.ts';

export type Item = {
  /** The key's offset: a place in a file, a hash, an index. Exact up to 2^53. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly reader: (record: string) => ByteReader;
};

/** The keys between which all of a node's keys must lie: what makes a tree a tree, so that no walk meets a node twice. */
type Bounds = { readonly first: DataView; readonly firstAt: number; readonly end?: DataView; readonly endAt: number };

/**
 * One tree, searched by key. A child's keys are held to the range its parent gives it; thereby the nodes of a walk are
 * all different and it ends, whatever the bytes are.
 */
export class Tree {
  readonly #nodes: NodeReader;
  readonly #root: NodePointer;
  /** Keys of searches that end before the next one starts. */
  readonly #from = new DataView(new ArrayBuffer(keyBytes));
  readonly #upTo = new DataView(new ArrayBuffer(keyBytes));

  constructor(nodes: NodeReader, root: NodePointer) {
    this.#nodes = nodes;
    this.#root = root;
  }

  /** All items of one object and type by rising offset. Faults: those of nodes. */
  items(objectId: number, type: number): Generator<Item> {
    return this.#between(this.#root, undefined, encodeKey(objectId, type, 0), encodeKey(objectId, type, largestOffset));
  }

  item(objectId: number, type: number, offset: number): Item | undefined {
    const key = encodeKey(objectId, type, offset, this.#upTo);
    return this.#lastUpTo(key, key);
  }

  /** The last item of one object and type whose offset is at most the given one. */
  lastItem(objectId: number, type: number, offset: number | bigint = largestOffset): Item | undefined {
    return this.#lastUpTo(encodeKey(objectId, type, 0, this.#from), encodeKey(objectId, type, offset, this.#upTo));
  }

  /** Levels fall by one at each step, so it takes at most eight. */
  #lastUpTo(from: DataView, upTo: DataView): Item | undefined {
    let pointer = this.#root;
    let bounds: Bounds | undefined;
    for (;;) {
      const node = this.#read(pointer, bounds);
      const slot = countUpTo(node, upTo) - 1;
      if (slot < 0) return undefined;
      if (node.level === 0)
        return compareKeys(node.view, keyAt(node, slot), from, 0) >= 0 ? itemOf(node, slot) : undefined;
      bounds = boundsOf(node, slot, bounds);
      pointer = pointerOf(node, slot);
    }
  }

  /** Recursion is as deep as the tree: levels fall by one at each step, from at most 7. */
  *#between(pointer: NodePointer, bounds: Bounds | undefined, from: DataView, upTo: DataView): Generator<Item> {
    const node = this.#read(pointer, bounds);
    const end = countUpTo(node, upTo);
    if (node.level === 0) {
      for (let slot = countBefore(node, from); slot < end; slot++) yield itemOf(node, slot);
      return;
    }
    for (let slot = Math.max(countUpTo(node, from) - 1, 0); slot < end; slot++) {
      yield* this.#between(pointerOf(node, slot), boundsOf(node, slot, bounds), from, upTo);
    }
  }

  #read(pointer: NodePointer, bounds: Bounds | undefined): Node {
    const node = this.#nodes.read(pointer);
    if (bounds === undefined) return node;
    const last = keyAt(node, node.count - 1);
    const inside =
      node.count > 0 &&
      compareKeys(node.view, headerBytes, bounds.first, bounds.firstAt) === 0 &&
      (bounds.end === undefined || compareKeys(node.view, last, bounds.end, bounds.endAt) < 0);
    if (!inside) {
      throw new Fault('btrfs.node', 'Cannot read btrfs: the keys of a node are not those its parent gives it', {
        where: `node at logical ${node.bytenr}`,
      });
    }
    return node;
  }
}

function boundsOf(node: Node, slot: number, own: Bounds | undefined): Bounds {
  const first = { first: node.view, firstAt: keyAt(node, slot) };
  if (slot + 1 < node.count) return { ...first, end: node.view, endAt: keyAt(node, slot + 1) };
  return own?.end === undefined ? { ...first, endAt: 0 } : { ...first, end: own.end, endAt: own.endAt };
}

function pointerOf(node: Node, slot: number): NodePointer {
  const at = keyAt(node, slot) + keyBytes;
  return {
    bytenr: Number(node.view.getBigUint64(at, true)),
    level: node.level - 1,
    generation: Number(node.view.getBigUint64(at + 8, true)),
  };
}

function itemOf(node: Node, slot: number): Item {
  const at = keyAt(node, slot);
  const start = headerBytes + node.view.getUint32(at + keyBytes, true);
  const bytes = node.bytes.subarray(start, start + node.view.getUint32(at + keyBytes + 4, true));
  return {
    offset: Number(node.view.getBigUint64(at + 9, true)),
    bytes,
    reader: (record) => new ByteReader(bytes, `btrfs ${record} in the node at logical ${node.bytenr}`, start),
  };
}

/** How many keys of the node stand before the key, or at it. */
function countUpTo(node: Node, key: DataView): number {
  return countWhile(node, (at) => compareKeys(node.view, at, key, 0) <= 0);
}

function countBefore(node: Node, key: DataView): number {
  return countWhile(node, (at) => compareKeys(node.view, at, key, 0) < 0);
}

function countWhile(node: Node, holds: (keyAt: number) => boolean): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(keyAt(node, middle))) low = middle + 1;
    else high = middle;
  }
  return low;
}
