import { checkRange, Fault, limits, type Source } from '../../core/index.ts';
import { BlockCache } from './block-cache.ts';
import { decompressBlock } from './decompress.ts';
import type { SquashfsCompressor } from './superblock.ts';

/** Every metadata block holds this many bytes, the last of a table may hold fewer (squashfs documentation, §3). */
export const metadataBlockBytes = 8192;
const headerBytes = 2;
const rawBit = 0x8000;

/** A place in a table: the block's place in the image and the byte in the block's content. */
export type MetadataPlace = { readonly block: number; readonly offset: number };

type MetadataBlock = { readonly content: Uint8Array; readonly next: number };

/** Reads the content of metadata blocks, which follow each other without a gap, as one run of bytes. */
export class MetadataReader {
  readonly #image: Source;
  readonly #compressor: SquashfsCompressor;
  readonly #blocks = new BlockCache<MetadataBlock>(limits.squashfsMetadataCacheBytes, metadataBlockBytes);

  /** @param image exactly the bytes that the superblock claims */
  constructor(image: Source, compressor: SquashfsCompressor) {
    this.#image = image;
    this.#compressor = compressor;
  }

  /**
   * The next `length` bytes from a place, a view where one block holds them all. Check a length that the image gave
   * against a limit before. Blocks must start below `limit`, where the next table begins.
   * Faults: squashfs.metadata, squashfs.decompress.
   */
  read(place: MetadataPlace, length: number, limit: number, what: string): Uint8Array {
    if (length === 0) return new Uint8Array();
    const block = this.#block(place.block, limit, what);
    if (place.offset + length <= block.content.byteLength)
      return block.content.subarray(place.offset, place.offset + length);
    const joined = new Uint8Array(length);
    let filled = 0;
    for (const piece of this.#pieces(place, limit, what)) {
      const part = piece.subarray(0, length - filled);
      joined.set(part, filled);
      filled += part.byteLength;
      if (filled === length) break;
    }
    return joined;
  }

  /** The content from a place on, block after block, without an end of its own but the limit's. */
  *#pieces(place: MetadataPlace, limit: number, what: string): Generator<Uint8Array> {
    let block = this.#block(place.block, limit, what);
    if (place.offset > block.content.byteLength)
      throw malformed(what, place.block, `offset ${place.offset} in a block of ${block.content.byteLength} bytes`);
    yield block.content.subarray(place.offset);
    for (;;) {
      // Offsets inside a table count full blocks, so a short one can only be the last.
      if (block.content.byteLength !== metadataBlockBytes)
        throw malformed(what, block.next, `the table ends after a block of ${block.content.byteLength} bytes`);
      block = this.#block(block.next, limit, what);
      yield block.content;
    }
  }

  /** The place of the byte that stands `distance` bytes after a place. */
  advance(place: MetadataPlace, distance: number, limit: number, what: string): MetadataPlace {
    let { block } = place;
    let offset = place.offset + distance;
    for (; offset >= metadataBlockBytes; offset -= metadataBlockBytes) block = this.#block(block, limit, what).next;
    return { block, offset };
  }

  #block(start: number, limit: number, what: string): MetadataBlock {
    if (start >= limit) throw malformed(what, start, `block starts at ${start}, want below ${limit}`);
    return this.#blocks.take(start, () => this.#readBlock(start, what));
  }

  #readBlock(start: number, what: string): MetadataBlock {
    checkRange(this.#image, start, headerBytes);
    // One read for header and content: the longest block, or what the image has left.
    const window = this.#image.read(start, Math.min(headerBytes + metadataBlockBytes, this.#image.sizeBytes - start));
    const header = (window[0] as number) | ((window[1] as number) << 8);
    const sizeBytes = header & ~rawBit;
    if (sizeBytes === 0 || sizeBytes > metadataBlockBytes || headerBytes + sizeBytes > window.byteLength)
      throw malformed(what, start, `block of ${sizeBytes} bytes, want 1 to ${metadataBlockBytes} inside the image`);
    const stored = window.subarray(headerBytes, headerBytes + sizeBytes);
    const place = `squashfs ${what} at byte ${start}`;
    const content =
      (header & rawBit) === 0 ? decompressBlock(this.#compressor, stored, metadataBlockBytes, place) : stored;
    return { content, next: start + headerBytes + sizeBytes };
  }
}

function malformed(what: string, at: number, problem: string): Fault {
  return new Fault('squashfs.metadata', `Cannot read the squashfs ${what}: ${problem}`, {
    where: `squashfs ${what} at byte ${at}`,
  });
}
