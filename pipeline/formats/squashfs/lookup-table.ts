import { ByteReader, Fault, type Source } from '../../core/index.ts';
import { metadataBlockBytes, type MetadataPlace, type MetadataReader } from './metadata.ts';

/**
 * A table of records of one size, found by number: ids, fragments and xattrs. It is stored as metadata blocks and a
 * list of their places, at which the superblock points (squashfs documentation, §3.5 and §3.6).
 */
export type LookupTable = {
  readonly count: number;
  /** The bytes of one record. The caller checks the number. */
  read(number: number): Uint8Array;
};

/** @param recordBytes divides the size of a metadata block, so that no record crosses into the next. */
export function openLookupTable(
  image: Source,
  metadata: MetadataReader,
  table: { readonly what: string; readonly listStart: number; readonly count: number; readonly recordBytes: number },
): LookupTable {
  const { what, listStart, count, recordBytes } = table;
  const perBlock = metadataBlockBytes / recordBytes;
  const starts = readStarts(image, what, listStart, Math.ceil(count / perBlock));
  return {
    count,
    read(number) {
      const place: MetadataPlace = {
        block: starts[Math.floor(number / perBlock)] as number,
        offset: (number % perBlock) * recordBytes,
      };
      return metadata.read(place, recordBytes, listStart, what);
    },
  };
}

/** The list of block places: they ascend and end before the list, each block in reach of its length field. */
function readStarts(image: Source, what: string, listStart: number, blocks: number): readonly number[] {
  const reader = new ByteReader(image.read(listStart, blocks * 8), `squashfs ${what} list`, listStart);
  const starts = Array.from({ length: blocks }, () => reader.u64le('block'));
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1] ?? listStart;
    if (start >= next || next - start > metadataBlockBytes + 2)
      throw new Fault(
        'squashfs.table',
        `Cannot read the squashfs ${what}: block ${index} at ${start} is followed by ${next}, want 1 to ${metadataBlockBytes + 2} bytes later`,
        { where: `squashfs ${what} list at byte ${listStart + index * 8}` },
      );
  }
  return starts;
}
