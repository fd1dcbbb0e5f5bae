import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

const images = new URL('../../samples/demo/images/', import.meta.url);

export const demo = {
  image: 'flatcar_production_image.bin',
  kubernetes: 'kubernetes-v1.34.2-x86-64.raw',
  falco: 'falco.raw',
} as const;

export type Workshop = Disposable & {
  readonly directory: string;
  readonly path: (name: string) => string;
  /** Writes a file, holes for zeros. */
  readonly write: (name: string, content: Uint8Array | string) => string;
};

/** A directory of its own with images of the demo, decompressed. */
export function openWorkshop(...names: readonly string[]): Workshop {
  const directory = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  const path = (name: string) => join(directory, name);
  const write = (name: string, content: Uint8Array | string) => {
    if (typeof content === 'string') writeFileSync(path(name), content);
    else writeSparsely(path(name), content);
    return path(name);
  };
  for (const name of names) write(name, readDemoImage(name));
  return { directory, path, write, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

export function readDemoImage(name: string): Buffer {
  return zstdDecompressSync(readFileSync(new URL(`${name}.zst`, images)));
}

export function readDemoCertificate(): Buffer {
  return readFileSync(new URL('sysexts.crt', images));
}

const pieceBytes = 256 * 1024;
const zeros = Buffer.alloc(pieceBytes);

function writeSparsely(path: string, content: Uint8Array): void {
  const descriptor = openSync(path, 'w');
  try {
    ftruncateSync(descriptor, content.byteLength);
    for (let start = 0; start < content.byteLength; start += pieceBytes) {
      const piece = content.subarray(start, start + pieceBytes);
      if (!zeros.subarray(0, piece.byteLength).equals(piece)) writeSync(descriptor, piece, 0, piece.byteLength, start);
    }
  } finally {
    closeSync(descriptor);
  }
}
