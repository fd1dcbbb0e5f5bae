import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { Fault, limits, type Source, within } from '../../core/index.ts';
import { openFileSource, readSmallFile } from '../../edge/files/index.ts';
import { readFile, resolvePlaced } from '../../formats/file-tree/index.ts';
import { openPartition, readGpt } from '../../formats/gpt/index.ts';
import { openFileTree, placeTree } from '../../image/index.ts';

/** Which bytes stand at a path of a case's node: a file, a partition of it, or a file inside its /usr. */
export type ImageSpec = { readonly file: string; readonly partition?: string; readonly inside?: string };

/** Unpacked images, each made once in a directory that the caller owns. */
export type ImageShelf = {
  /** Faults: file.*, config.case-image, and those of the formats. */
  readonly unpack: (spec: ImageSpec) => string;
};

/** Opens a shelf in a directory. Files named `.zst` are decompressed; images of mostly zeros stay sparse. */
export function openImageShelf(directory: string): ImageShelf {
  const known = new Map<string, string>();
  const taken = new Set<string>();
  const remember = (key: string, name: string, make: (path: string) => void): string => {
    const made = known.get(key);
    if (made !== undefined) return made;
    const path = join(directory, taken.has(name) ? `${taken.size}-${name}` : name);
    make(path);
    taken.add(name);
    known.set(key, path);
    return path;
  };
  const unpackFile = (file: string): string =>
    file.endsWith('.zst')
      ? remember(file, basename(file, '.zst'), (path) => writeSparse(path, decompress(file)))
      : file;
  return {
    unpack: (spec) => {
      const file = unpackFile(spec.file);
      const part = spec.partition ?? spec.inside;
      if (part === undefined) return file;
      return remember(JSON.stringify(spec), `${basename(file)}.${basename(part)}`, (path) =>
        within(spec.file, () => writePart(path, file, spec)),
      );
    },
  };
}

function decompress(file: string): Uint8Array {
  try {
    return zstdDecompressSync(readSmallFile(file, limits.caseImageBytes), { maxOutputLength: limits.caseImageBytes });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'config.case-image',
      `Cannot decompress ${file}: not zstd, or more than ${limits.caseImageBytes} bytes`,
      {
        where: file,
        cause,
      },
    );
  }
}

function writePart(path: string, file: string, { partition, inside }: ImageSpec): void {
  using source = openFileSource(file);
  if (partition !== undefined) {
    writeSparse(path, readWhole(openLabelled(source, partition)));
    return;
  }
  const place = inside ?? '';
  const tree = placeTree(openFileTree(openLabelled(source, 'USR-A')), 'usr');
  const found = resolvePlaced(tree, place);
  if (found?.node.kind !== 'file')
    throw new Fault('config.case-image', `Cannot take ${place} from the image: no such file in its /usr`, {
      where: place,
    });
  writeSparse(path, readFile(tree, found.node, limits.nestedImageBytes, place));
}

/** Fault: config.case-image where the disk has no partition of this label. */
function openLabelled(source: Source, label: string): Source {
  const gpt = readGpt(source);
  const found = gpt.partitions.find((one) => one.label === label);
  if (found === undefined)
    throw new Fault('config.case-image', `Cannot take partition ${label} from the image: it has no such partition`, {
      where: label,
      next: `Partitions are: ${gpt.partitions.map((one) => one.label).join(', ')}`,
    });
  return openPartition(source, found);
}

function readWhole(source: Source): Uint8Array {
  if (source.sizeBytes > limits.caseImageBytes)
    throw new Fault(
      'config.case-image',
      `Cannot take ${source.name}: ${source.sizeBytes} bytes, want at most ${limits.caseImageBytes}`,
    );
  return source.read(0, source.sizeBytes);
}

const pieceBytes = 1024 * 1024;
const zeros = Buffer.alloc(pieceBytes);

/** Leaves out pieces of zeros: a disk image is mostly holes. */
function writeSparse(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'wx');
  try {
    ftruncateSync(descriptor, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      if (!zeros.subarray(0, piece.byteLength).equals(piece)) writeSync(descriptor, piece, 0, piece.byteLength, at);
    }
  } finally {
    closeSync(descriptor);
  }
}
