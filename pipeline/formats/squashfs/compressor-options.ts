import { ByteReader } from '../../core/index.ts';
import type { MetadataReader } from './metadata.ts';
import { type SquashfsCompressor, type Superblock, superblockBytes } from './superblock.ts';

const optionBytes: Readonly<Record<SquashfsCompressor, number>> = { gzip: 8, lzo: 8, xz: 8, lz4: 8, zstd: 4 };

/**
 * Checks the compressor's options, a metadata block of their own behind the superblock. No reader needs them but for
 * LZ4's version: the rest tells how the image was made. Faults: squashfs.options, squashfs.metadata.
 */
export function checkCompressorOptions(superblock: Superblock, metadata: MetadataReader): void {
  const { compressor } = superblock;
  if (!superblock.hasCompressorOptions) return;
  const place = { block: superblockBytes, offset: 0 };
  const bytes = metadata.read(place, optionBytes[compressor], superblock.inodeTableStart, 'compressor options');
  if (compressor !== 'lz4') return;
  const reader = new ByteReader(bytes, 'squashfs compressor options');
  const version = reader.u32le('version');
  if (version !== 1) throw reader.fault('squashfs.options', 'version', `LZ4 format ${version}, want 1`);
}
