import { Fault, openScratch, readScoped, releaseBytes } from '../../core/index.ts';
import { type Compression, compressedExtentBytes, decompress } from './compression.ts';
import { DataChecksums } from './data-checksums.ts';
import { type FileExtent, parseFileExtent } from './extent.ts';
import type { Inode } from './inode.ts';
import { itemType } from './key.ts';
import type { Tree } from './search.ts';
import type { Volume } from './volume.ts';

/** Bytes that are read at once: large enough to hide a call's cost, small enough to stay in the processor's cache. */
const pieceBytes = 256 * 1024;

type Stored = Extract<FileExtent, { kind: 'stored' }>;

/** A compressed extent is decompressed whole. */
type Compressed = Stored & { readonly compression: Exclude<Compression, 'none'> };

/** Reads what files hold. One decompressed extent is kept, as a file that was overwritten refers to it in parts. */
export class ContentReader {
  readonly #volume: Volume;
  readonly #checksums: DataChecksums;
  readonly #readScratch: (offset: number, sizeBytes: number) => Uint8Array;
  #last: { readonly logical: number; readonly extentBytes: number; readonly content: Uint8Array } | undefined;

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#checksums = new DataChecksums(volume);
    this.#readScratch = openScratch(volume.source, compressedExtentBytes);
  }

  /**
   * The content of a file or symbolic link in order. What no extent covers is a hole and reads as zeros.
   * Faults: btrfs.extent, btrfs.compression, btrfs.data-checksum, btrfs.address, those of nodes.
   */
  *read(tree: Tree, number: number, inode: Inode): Generator<Uint8Array> {
    let position = 0;
    for (const item of tree.items(number, itemType.extentData)) {
      if (item.offset >= inode.sizeBytes) break;
      if (item.offset < position) {
        throw new Fault('btrfs.extent', `Cannot read inode ${number}: two extents hold the byte at ${item.offset}`);
      }
      yield* zeros(item.offset - position);
      const extent = parseFileExtent(item, this.#volume.superblock.sectorBytes);
      const sizeBytes = Math.min(extent.sizeBytes, inode.sizeBytes - item.offset);
      yield* this.#readExtent(extent, sizeBytes, inode.unsummed);
      position = item.offset + sizeBytes;
    }
    yield* zeros(inode.sizeBytes - position);
  }

  *#readExtent(extent: FileExtent, sizeBytes: number, unsummed: boolean): Generator<Uint8Array> {
    if (extent.kind === 'zeros') yield* zeros(sizeBytes);
    else if (extent.kind === 'inline') yield this.#readInline(extent).subarray(0, sizeBytes);
    else if (isCompressed(extent)) yield* this.#readCompressed(extent, sizeBytes, unsummed);
    else yield* this.#readPlain(extent, sizeBytes, unsummed);
  }

  #readInline({ compression, content, sizeBytes }: Extract<FileExtent, { kind: 'inline' }>): Uint8Array {
    return compression === 'none'
      ? content
      : decompress(compression, content, sizeBytes, this.#volume.superblock.sectorBytes);
  }

  *#readPlain(extent: Stored, sizeBytes: number, unsummed: boolean): Generator<Uint8Array> {
    const { source, chunks, superblock } = this.#volume;
    for (let at = 0; at < sizeBytes; at += pieceBytes) {
      const wanted = Math.min(pieceBytes, sizeBytes - at);
      const sectors = Math.ceil(wanted / superblock.sectorBytes) * superblock.sectorBytes;
      const logical = extent.logical + extent.from + at;
      using stored = readScoped(source, chunks.locate(logical, sectors), sectors);
      if (!unsummed) this.#checksums.check(logical, stored.bytes);
      yield stored.bytes.subarray(0, wanted);
    }
  }

  *#readCompressed(extent: Compressed, sizeBytes: number, unsummed: boolean): Generator<Uint8Array> {
    const { logical, extentBytes, from } = extent;
    const last = this.#last?.logical === logical && this.#last.extentBytes === extentBytes ? this.#last : undefined;
    const content = last?.content ?? this.#decompress(extent, unsummed);
    const isPart = extent.sizeBytes < extentBytes;
    if (isPart) this.#last = { logical, extentBytes, content };
    yield content.subarray(from, from + sizeBytes);
    if (!isPart && last === undefined) releaseBytes(content);
  }

  #decompress({ compression, logical, storedBytes, extentBytes }: Compressed, unsummed: boolean): Uint8Array {
    const { chunks, superblock } = this.#volume;
    const stored = this.#readScratch(chunks.locate(logical, storedBytes), storedBytes);
    if (!unsummed) this.#checksums.check(logical, stored);
    return decompress(compression, stored, extentBytes, superblock.sectorBytes);
  }
}

function isCompressed(extent: Stored): extent is Compressed {
  return extent.compression !== 'none';
}

function* zeros(sizeBytes: number): Generator<Uint8Array> {
  if (sizeBytes <= 0) return;
  const block = new Uint8Array(Math.min(sizeBytes, pieceBytes));
  for (let left = sizeBytes; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}
