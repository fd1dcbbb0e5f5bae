import { Fault } from '../../core/index.ts';
import { itemType, objectId } from './key.ts';
import type { Item, Tree } from './search.ts';
import { readRoot } from './subvolume.ts';
import type { Volume } from './volume.ts';

/**
 * The checksums of file content, one for each sector as it stands on disk. They are checked because Linux does: it gives
 * no content that fails, and of duplicated data the copy that passes, so a reader that did not look would see other
 * files than a node does.
 */
export class DataChecksums {
  readonly #volume: Volume;
  /** Opened when the first content is read. */
  #tree: Tree | undefined;
  /** The item that served last; a file's sectors are mostly in one. */
  #item: Item | undefined;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** Checks whole sectors that stand at a logical address. Faults: btrfs.data-checksum, those of nodes. */
  check(logical: number, sectors: Uint8Array): void {
    const { checksum, sectorBytes } = this.#volume.superblock;
    const computed = checksum.ofBlocks(sectors, sectorBytes);
    for (let at = 0; at < computed.length;) {
      const address = logical + (at / checksum.sizeBytes) * sectorBytes;
      const item = this.#itemFor(address);
      const storedAt = ((address - item.offset) / sectorBytes) * checksum.sizeBytes;
      const length = Math.min(computed.length - at, this.#countIn(item) * checksum.sizeBytes - storedAt);
      if (Buffer.compare(computed.subarray(at, at + length), item.bytes.subarray(storedAt, storedAt + length)) !== 0) {
        throw new Fault(
          'btrfs.data-checksum',
          `Cannot read btrfs: the ${checksum.name} checksum of data does not match`,
          {
            where: `logical ${address} to ${address + (length / checksum.sizeBytes) * sectorBytes}`,
            next: 'The image is damaged: fetch or build it again',
          },
        );
      }
      at += length;
    }
  }

  #itemFor(logical: number): Item {
    if (this.#item !== undefined && this.#covers(this.#item, logical)) return this.#item;
    this.#tree ??= this.#volume.openTree(readRoot(this.#volume.rootTree, objectId.checksumTree).pointer);
    this.#item = this.#tree.lastItem(objectId.extentChecksum, itemType.extentChecksum, logical);
    if (this.#item !== undefined && this.#covers(this.#item, logical)) return this.#item;
    throw new Fault('btrfs.data-checksum', 'Cannot read btrfs: data without the checksum that it should have', {
      where: `logical ${logical}`,
    });
  }

  #covers(item: Item, logical: number): boolean {
    const { sectorBytes } = this.#volume.superblock;
    const end = item.offset + this.#countIn(item) * sectorBytes;
    return item.offset % sectorBytes === 0 && logical >= item.offset && logical < end;
  }

  #countIn(item: Item): number {
    return Math.floor(item.bytes.length / this.#volume.superblock.checksum.sizeBytes);
  }
}
