import type { Fault } from '../../core/index.ts';
import { type Compression, compressedExtentBytes, compressions } from './compression.ts';
import type { Item } from './search.ts';

/** A part of a file's content. A hole and preallocated space read as zeros. */
export type FileExtent =
  | {
      readonly kind: 'inline';
      readonly compression: Compression;
      readonly sizeBytes: number;
      readonly content: Uint8Array;
    }
  | { readonly kind: 'zeros'; readonly sizeBytes: number }
  | {
      readonly kind: 'stored';
      readonly compression: Compression;
      /** Logical address and length of the whole extent on disk. */
      readonly logical: number;
      readonly storedBytes: number;
      /** Bytes of the whole extent when decompressed. */
      readonly extentBytes: number;
      /** The part that the file uses, after decompression. */
      readonly from: number;
      readonly sizeBytes: number;
    };

/**
 * struct btrfs_file_extent_item, with the rules of Linux's tree-checker: stored extents count in whole sectors.
 * Faults: btrfs.extent, btrfs.unsupported, bytes.*.
 */
export function parseFileExtent(item: Item, sectorBytes: number): FileExtent {
  const r = item.reader('file extent');
  const refuse = (field: string, problem: string): Fault => r.fault('btrfs.extent', field, problem);
  r.skip(8, 'generation');
  const extentBytes = r.u64le('ram_bytes');
  const compressionNumber = r.u8('compression');
  const compression = compressions[compressionNumber];
  if (compression === undefined) throw r.fault('btrfs.unsupported', 'compression', `compression ${compressionNumber}`);
  if (r.u8('encryption') !== 0) throw r.fault('btrfs.unsupported', 'encryption', 'an encrypted extent');
  if (r.u16le('other_encoding') !== 0) throw r.fault('btrfs.unsupported', 'other_encoding', 'an encoded extent');
  if (compression !== 'none' && extentBytes > compressedExtentBytes)
    throw refuse('ram_bytes', `${extentBytes} bytes compressed, want at most ${compressedExtentBytes}`);

  const type = r.u8('type');
  if (type === 0) {
    const content = r.bytes(r.remaining, 'inline content');
    if (item.offset !== 0) throw refuse('key', `inline content at ${item.offset}, want 0`);
    if (compression === 'none' && content.length !== extentBytes)
      throw refuse('ram_bytes', `${extentBytes}, want ${content.length}`);
    return { kind: 'inline', compression, sizeBytes: extentBytes, content };
  }
  const logical = r.u64le('disk_bytenr');
  const storedBytes = r.u64le('disk_num_bytes');
  const from = r.u64le('offset');
  const sizeBytes = r.u64le('num_bytes');
  r.end();
  const counts = { logical, storedBytes, from, sizeBytes, place: item.offset };
  for (const [field, count] of Object.entries(counts)) {
    if (count % sectorBytes !== 0) throw refuse(field, `${count}, want a multiple of ${sectorBytes}`);
  }
  if (sizeBytes === 0) throw refuse('num_bytes', '0, want more');
  if (type !== 1 && type !== 2) throw r.fault('btrfs.unsupported', 'type', `extent type ${type}`);
  if (type === 2 || logical === 0) return { kind: 'zeros', sizeBytes };
  const whole = compression === 'none' ? storedBytes : extentBytes;
  if (from + sizeBytes > whole) throw refuse('num_bytes', `${sizeBytes} bytes from ${from}, have ${whole}`);
  if (compression !== 'none' && storedBytes > compressedExtentBytes)
    throw refuse('disk_num_bytes', `${storedBytes} bytes compressed, want at most ${compressedExtentBytes}`);
  return { kind: 'stored', compression, logical, storedBytes, extentBytes, from, sizeBytes };
}
