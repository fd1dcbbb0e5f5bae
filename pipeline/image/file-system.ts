import { Fault, type Source } from '../core/index.ts';
import { openBtrfs } from '../formats/btrfs/index.ts';
import { openErofs } from '../formats/erofs/index.ts';
import { openExt4 } from '../formats/ext4/index.ts';
import { openFat } from '../formats/fat/index.ts';
import type { FileSystemFormat, FileTree } from '../formats/file-tree/index.ts';
import { openSquashfs } from '../formats/squashfs/index.ts';
import { located } from './tree-location.ts';

type Row = {
  readonly format: FileSystemFormat;
  readonly offset: number;
  readonly magic: readonly number[];
  readonly open: (source: Source) => FileTree;
};

/** Where each file system announces itself. A new one is a row here and a folder in formats/. */
const rows: readonly Row[] = [
  { format: 'squashfs', offset: 0, magic: [0x68, 0x73, 0x71, 0x73], open: openSquashfs },
  { format: 'erofs', offset: 1024, magic: [0xe2, 0xe1, 0xf5, 0xe0], open: openErofs },
  { format: 'btrfs', offset: 65_600, magic: [0x5f, 0x42, 0x48, 0x52, 0x66, 0x53, 0x5f, 0x4d], open: openBtrfs },
  { format: 'ext4', offset: 1080, magic: [0x53, 0xef], open: openExt4 },
  { format: 'fat', offset: 510, magic: [0x55, 0xaa], open: openFat },
];

/** The format that announces itself in a partition or plain image; undefined where none does. Nothing is checked yet. */
export function sniffFileSystem(source: Source): FileSystemFormat | undefined {
  return rowOf(source)?.format;
}

/** Opens whatever file system is there. Faults: image.file-system where none is, else those of the format. */
export function openFileTree(source: Source): FileTree {
  const row = rowOf(source);
  if (row === undefined) {
    throw new Fault(
      'image.file-system',
      `Cannot read ${source.name}: no squashfs, erofs, btrfs, ext4 or FAT file system there`,
      { where: source.name, next: nextStep(source) },
    );
  }
  return located(row.open(source), source);
}

/** How images are packed for shipping, by their first bytes. */
const packings: readonly (readonly [name: string, magic: readonly number[], command: string])[] = [
  ['bzip2', [0x42, 0x5a, 0x68], 'bunzip2 --keep'],
  ['gzip', [0x1f, 0x8b], 'gunzip --keep'],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'unzstd'],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'unxz --keep'],
];

function nextStep(source: Source): string {
  const head = source.read(0, Math.min(8, source.sizeBytes));
  const packing = packings.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  return packing === undefined
    ? 'Give a raw disk image, the content of a USR partition, or a sysext'
    : `It is compressed with ${packing[0]}: unpack it first, ${packing[2]} FILE`;
}

function rowOf(source: Source): Row | undefined {
  return rows.find(({ offset, magic }) => {
    if (source.sizeBytes < offset + magic.length) return false;
    const found = source.read(offset, magic.length);
    return magic.every((byte, at) => found[at] === byte);
  });
}
