import { ByteReader } from '../../core/index.ts';
import { contentFault, type Inode } from './inode.ts';
import { type Compression, compressions } from './superblock.ts';
import type { Volume } from './volume.ts';

/**
 * The index of a compressed inode (Linux fs/erofs/zmap.c). A logical cluster is one block of content. Its entry says that
 * an extent begins in it (a head: where in the cluster, and at which block of the image), or how far back the head is.
 */
export type ClusterIndex = {
  readonly advise: Advise;
  /** Logical clusters of the inode. */
  readonly count: number;
  /** The entry of a logical cluster; the caller keeps to `count`. */
  at(cluster: number): Cluster;
};

export type Cluster = Head | Follower;

export type Head = {
  readonly kind: 'plain' | 'head1' | 'head2';
  /** Where in its logical cluster the extent begins. */
  readonly offset: number;
  readonly block: number;
  /** The extent uses only the beginning of what its data decompresses to. */
  readonly partial: boolean;
  /** Where the index goes on behind this entry, or behind the pack that has it. */
  readonly indexEnd: number;
};

export type Follower = {
  readonly kind: 'follower';
  /** Distance to the extent's head, in logical clusters. */
  readonly back: number;
  /** Blocks that the extent takes in the image; only the first follower of a big cluster says so. */
  readonly blocks: number | null;
  readonly indexEnd: number;
};

/** `struct z_erofs_map_header`. */
export type Advise = {
  readonly compact2b: boolean;
  readonly big1: boolean;
  readonly big2: boolean;
  readonly inlineTail: boolean;
  readonly interlaced: boolean;
  readonly fragmentTail: boolean;
  readonly head1: Compression;
  readonly head2: Compression;
  readonly inlineBytes: number;
  readonly fragmentOffset: number;
};

/** A file that is stored in the packed inode as a whole, at this offset. */
export type WholeFragment = { readonly fragmentOffset: number };

const headerBytes = 8;
const fullEntryBytes = 8;
const adviseBits = {
  compact2b: 1,
  big1: 2,
  big2: 4,
  inlineTail: 8,
  interlaced: 16,
  fragmentTail: 32,
} as const;
const knownAdvise = 0x3f;
const kinds = ['plain', 'head1', 'follower', 'head2'] as const;

/** `Z_EROFS_LI_D0_CBLKCNT`: the distance field holds a count of blocks. Longer distances are stored as one less than it. */
const blockCountFlag = 0x800;
export const longestBack = blockCountFlag - 1;
const partialFlag = 0x8000;

/** Faults: erofs.cluster, erofs.feature, erofs.compression, source.range. */
export function readClusterIndex(volume: Volume, inode: Inode): ClusterIndex | WholeFragment {
  const headerAt = alignUp(inode.tailOffset, 8);
  const r = new ByteReader(volume.metadata.read(headerAt, headerBytes), `erofs inode ${inode.id}`, headerAt);
  const advise = parseHeader(r, volume, inode);
  if ('fragmentOffset' in advise && !('head1' in advise)) return advise;
  const count = Math.ceil(inode.contentBytes / volume.superblock.blockSizeBytes);
  const indexAt = headerAt + headerBytes;
  const at =
    inode.layout === 'compressed-full'
      ? fullEntries(volume, inode, advise, indexAt)
      : compactEntries(volume, inode, advise, indexAt, count);
  return { advise, count, at };
}

function parseHeader(r: ByteReader, volume: Volume, inode: Inode): Advise | WholeFragment {
  const low = r.u16le('h_fragmentoff');
  const high = r.u16le('h_idata_size');
  const bits = r.u16le('h_advise');
  const algorithms = r.u8('h_algorithmtype');
  const clusterBits = r.u8('h_clusterbits');
  // The highest bit of the header makes all the others a 63-bit offset.
  if (clusterBits & 0x80) {
    r.seek(0, 'h_fragmentoff');
    const offset = r.u64leBig('h_fragmentoff') & 0x7fff_ffff_ffff_ffffn;
    if (offset > BigInt(Number.MAX_SAFE_INTEGER))
      throw r.fault('erofs.fragment', 'h_fragmentoff', `${offset} is beyond every file`);
    return { fragmentOffset: Number(offset) };
  }
  if (clusterBits !== 0)
    throw r.fault('erofs.feature', 'h_clusterbits', 'logical clusters larger than a block are not supported');
  const full = inode.layout === 'compressed-full';
  // In a full index the first bit announces the extents of the 48-bit layout.
  const unknown = bits & ~(full ? knownAdvise & ~adviseBits.compact2b : knownAdvise);
  if (unknown !== 0) throw r.fault('erofs.feature', 'h_advise', `bits 0x${unknown.toString(16)} are not supported`);
  const has = (bit: number): boolean => (bits & bit) !== 0;
  const advise: Advise = {
    compact2b: has(adviseBits.compact2b),
    big1: has(adviseBits.big1),
    big2: has(adviseBits.big2),
    inlineTail: has(adviseBits.inlineTail),
    interlaced: has(adviseBits.interlaced),
    fragmentTail: has(adviseBits.fragmentTail),
    head1: compressionOf(r, algorithms & 15),
    head2: compressionOf(r, algorithms >> 4),
    inlineBytes: high,
    fragmentOffset: low + high * 0x10000,
  };
  if (advise.inlineTail && advise.fragmentTail)
    throw r.fault('erofs.cluster', 'h_advise', 'the tail is both inline and a fragment');
  if ((advise.big1 || advise.big2) && !volume.superblock.bigClusters)
    throw r.fault('erofs.cluster', 'h_advise', 'big clusters, which the superblock does not announce');
  if (!full && advise.big1 !== advise.big2)
    throw r.fault('erofs.cluster', 'h_advise', 'a compact index with big clusters for one kind of head only');
  return advise;
}

function compressionOf(r: ByteReader, number: number): Compression {
  const compression = compressions[number];
  if (compression === undefined) throw r.fault('erofs.compression', 'h_algorithmtype', `${number} is not supported`);
  return compression;
}

/** `struct z_erofs_lcluster_index`: 8 bytes an entry, after a gap of 8 bytes. */
function fullEntries(volume: Volume, inode: Inode, advise: Advise, indexAt: number): (cluster: number) => Cluster {
  const start = indexAt + 8;
  return (cluster) => {
    const at = start + cluster * fullEntryBytes;
    const r = new ByteReader(volume.metadata.read(at, fullEntryBytes), `cluster ${cluster} of inode ${inode.id}`, at);
    const bits = r.u16le('di_advise');
    const offset = r.u16le('di_clusterofs');
    const place = r.u32le('di_u');
    if ((bits & ~(3 | partialFlag)) !== 0)
      throw r.fault('erofs.feature', 'di_advise', `0x${bits.toString(16)} is not supported`);
    const kind = kinds[bits & 3] as Cluster['kind'];
    const indexEnd = at + fullEntryBytes;
    if (kind === 'follower') return follower(inode, advise, place & 0xffff, indexEnd);
    return head(volume, inode, {
      kind,
      offset,
      block: place,
      partial: (bits & partialFlag) !== 0,
      indexEnd,
    });
  };
}

/**
 * Packs of entries. One ends with the address of a block from which the addresses of its heads are counted. The first
 * packs have two entries of 16 bits, up to a multiple of 32 bytes; then, if so advised, come packs of 16 entries of 14
 * bits, and the rest in packs of two again.
 */
function compactEntries(
  volume: Volume,
  inode: Inode,
  advise: Advise,
  indexAt: number,
  count: number,
): (cluster: number) => Cluster {
  const { blockBits } = volume.superblock;
  const valueBits = Math.max(blockBits, 12);
  if (valueBits > (advise.compact2b ? 12 : 14))
    throw contentFault('erofs.feature', inode, `a compact index of 2^${blockBits}-byte clusters is not supported`);
  const initial = ((32 - (indexAt % 32)) / 4) % 8;
  const dense = advise.compact2b && initial < count ? Math.floor((count - initial) / 16) * 16 : 0;
  const denseAt = indexAt + initial * 4;
  const restAt = denseAt + dense * 2;
  let known: { readonly first: number; readonly clusters: readonly Cluster[] } | undefined;
  return (cluster) => {
    if (known === undefined || cluster < known.first || cluster >= known.first + known.clusters.length) {
      const pack = packOf(cluster);
      known = {
        first: pack.first,
        clusters: unpack(volume, inode, advise, { ...pack, valueBits }),
      };
    }
    return known.clusters[cluster - known.first] as Cluster;
  };
  function packOf(cluster: number) {
    const inDense = cluster - initial;
    if (inDense >= 0 && inDense < dense) {
      const first = inDense - (inDense % 16);
      return {
        first: initial + first,
        at: denseAt + first * 2,
        entries: 16,
        sizeBytes: 32,
        entryBits: 14,
      };
    }
    const [base, baseAt] = inDense < 0 ? [0, indexAt] : [initial + dense, restAt];
    const first = cluster - base - ((cluster - base) % 2);
    return { first: base + first, at: baseAt + first * 4, entries: 2, sizeBytes: 8, entryBits: 16 };
  }
}

type Pack = {
  readonly first: number;
  readonly at: number;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly entryBits: number;
  readonly valueBits: number;
};

function unpack(volume: Volume, inode: Inode, advise: Advise, pack: Pack): readonly Cluster[] {
  const bytes = volume.metadata.read(pack.at, pack.sizeBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const raw = Array.from({ length: pack.entries }, (_, i) => {
    const bit = i * pack.entryBits;
    const word = view.getUint32(bit >> 3, true) >>> (bit & 7);
    const kind = kinds[(word >>> pack.valueBits) & 3] as Cluster['kind'];
    return { kind, value: word & ((1 << pack.valueBits) - 1) };
  });
  const indexEnd = pack.at + pack.sizeBytes;
  const big = advise.big1;
  // Without big clusters the address is of the block before the first one.
  let block = view.getUint32(pack.sizeBytes - 4, true) + (big ? 0 : 1);
  return raw.map(({ kind, value }, i) => {
    if (kind === 'follower') {
      // The last entry of a pack holds the distance to the next head, which may be so long that it has the flag of a count:
      // the distance back follows from the entry before it. A count stands behind a head only.
      const count = (value & blockCountFlag) !== 0 && raw[i - 1]?.kind !== 'follower';
      const derived = i + 1 === pack.entries && !count;
      const entry = derived
        ? ({ kind: 'follower', back: backAfter(raw[i - 1]), blocks: null, indexEnd } as const)
        : follower(inode, advise, value, indexEnd);
      block += entry.blocks ?? 0;
      return entry;
    }
    const entry = head(volume, inode, { kind, offset: value, block, partial: false, indexEnd });
    // The blocks of a big cluster are counted at its first follower.
    if (!big || raw[i + 1]?.kind !== 'follower') block += 1;
    return entry;
  });
}

function backAfter(before: { readonly kind: Cluster['kind']; readonly value: number } | undefined): number {
  if (before?.kind !== 'follower') return 1;
  return (before.value & blockCountFlag) !== 0 ? 2 : before.value + 1;
}

function follower(inode: Inode, advise: Advise, value: number, indexEnd: number): Follower {
  if ((value & blockCountFlag) === 0) return { kind: 'follower', back: value, blocks: null, indexEnd };
  if (!advise.big1 && !advise.big2)
    throw contentFault('erofs.cluster', inode, 'a count of blocks without big clusters', indexEnd);
  return { kind: 'follower', back: 1, blocks: value & ~blockCountFlag, indexEnd };
}

function head(volume: Volume, inode: Inode, entry: Head): Head {
  if (entry.offset >= volume.superblock.blockSizeBytes)
    throw contentFault('erofs.cluster', inode, `an extent begins at byte ${entry.offset} of a cluster`, entry.indexEnd);
  return entry;
}

function alignUp(offset: number, unit: number): number {
  return Math.ceil(offset / unit) * unit;
}
