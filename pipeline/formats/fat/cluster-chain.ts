import { Fault, type Source } from '../../core/index.ts';
import type { Volume } from './boot-sector.ts';

/** Neighbouring clusters as one range of the source. */
export type Run = { readonly start: number; readonly sizeBytes: number };

const windowBytes = 48 * 1024; // a multiple of 3 and of 4, so that no entry of any FAT crosses its edge
const windowLimit = 64;
const runLimitBytes = 1024 * 1024;

/**
 * Follows chains of clusters through the first FAT; the second is a spare that no reader looks at while the first can be
 * read. Parts of the table are kept, at most 3 MiB.
 */
export class ClusterChains {
  readonly #source: Source;
  readonly #volume: Volume;
  readonly #windows = new Map<number, Buffer>();

  constructor(source: Source, volume: Volume) {
    this.#source = source;
    this.#volume = volume;
  }

  /**
   * The clusters of a chain, merged to runs of at most 1 MiB, until `maxBytes` are covered or the chain ends.
   * Faults: fat.cluster (free, bad or out of the volume), fat.chain-loop.
   */
  *runs(first: number, maxBytes: number): Generator<Run> {
    const { clusterBytes } = this.#volume;
    // Brent's algorithm: a chain that comes back to a cluster it passed is found after at most three rounds.
    let landmark = first;
    let steps = 0;
    let nextLandmark = 2;
    let run = { start: this.#placeOf(first, 'its first cluster'), sizeBytes: clusterBytes };
    let covered = clusterBytes;
    let cluster = first;
    while (covered < maxBytes) {
      const next = this.#next(cluster);
      if (next === undefined) break;
      if (next === landmark)
        throw new Fault('fat.chain-loop', `Cannot follow the chain of cluster ${first}: it returns to ${next}`);
      if (++steps === nextLandmark) {
        landmark = next;
        nextLandmark *= 2;
      }
      const start = this.#placeOf(next, `the entry of cluster ${cluster}`);
      if (next === cluster + 1 && run.sizeBytes + clusterBytes <= runLimitBytes) run.sizeBytes += clusterBytes;
      else {
        yield run;
        run = { start, sizeBytes: clusterBytes };
      }
      covered += clusterBytes;
      cluster = next;
    }
    yield run;
  }

  #placeOf(cluster: number, namedBy: string): number {
    const { clusterCount, clusterStart, clusterBytes } = this.#volume;
    if (cluster < 2 || cluster > clusterCount + 1)
      throw new Fault('fat.cluster', `Cannot read cluster ${cluster}: want 2 to ${clusterCount + 1}`, {
        where: namedBy,
      });
    return clusterStart + (cluster - 2) * clusterBytes;
  }

  /** The cluster behind this one; undefined at the end of the chain. */
  #next(cluster: number): number | undefined {
    switch (this.#volume.kind) {
      case 12: {
        const pair = this.#entry(Math.floor((cluster * 3) / 2), 2);
        const value = cluster & 1 ? pair >> 4 : pair & 0xfff;
        return value >= 0xff8 ? undefined : value;
      }
      case 16: {
        const value = this.#entry(cluster * 2, 2);
        return value >= 0xfff8 ? undefined : value;
      }
      default: {
        // The upper four bits are reserved.
        const value = this.#entry(cluster * 4, 4) & 0x0fffffff;
        return value >= 0x0ffffff8 ? undefined : value;
      }
    }
  }

  #entry(offset: number, length: 2 | 4): number {
    const at = offset % windowBytes;
    return this.#window((offset - at) / windowBytes).readUIntLE(at, length);
  }

  #window(index: number): Buffer {
    const kept = this.#windows.get(index);
    if (kept !== undefined) return kept;
    const offset = index * windowBytes;
    const { tableStart, tableBytes } = this.#volume;
    const bytes = this.#source.read(tableStart + offset, Math.min(windowBytes, tableBytes - offset));
    const window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size < windowLimit) break;
      this.#windows.delete(oldest);
    }
    this.#windows.set(index, window);
    return window;
  }
}
