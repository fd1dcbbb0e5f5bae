import { checkRange, type Source } from './source.ts';

/**
 * Gives the memory of bytes back at once, where it is large and theirs alone; whoever still looks at them sees none left.
 * V8 counts memory outside its heap, and marks the whole heap after each 64 MiB of it: left to the garbage collector, the
 * blocks of a large tree cost four times what it takes to decompress them.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  // Buffers up to this size may be parts of Node's pool.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

/** Bytes for one scope, at whose end their memory is given back. */
export type ScopedBytes = Disposable & { readonly bytes: Uint8Array };

/** Bytes that nobody else will look at. */
export function scopeBytes(bytes: Uint8Array): ScopedBytes {
  return { bytes, [Symbol.dispose]: () => releaseBytes(bytes) };
}

/** Bytes that are others' as well, such as those of a source in memory: they stay. */
export function lendBytes(bytes: Uint8Array): ScopedBytes {
  return { bytes, [Symbol.dispose]: () => undefined };
}

/** A range for one scope. Faults: source.range, file.read. */
export function readScoped(source: Source, offset: number, length: number): ScopedBytes {
  if (source.readInto === undefined) return lendBytes(source.read(offset, length));
  checkRange(source, offset, length);
  const bytes = Buffer.allocUnsafeSlow(length);
  source.readInto(offset, bytes);
  return scopeBytes(bytes);
}

/**
 * Reads ranges of at most `maxBytes` into one buffer, for bytes that are done with before the next are read: a source
 * that cannot read into it gives bytes of its own. Faults: source.range, file.read.
 */
export function openScratch(source: Source, maxBytes: number): (offset: number, length: number) => Uint8Array {
  let buffer: Uint8Array | undefined;
  return (offset, length) => {
    if (source.readInto === undefined) return source.read(offset, length);
    buffer ??= new Uint8Array(maxBytes);
    const part = buffer.subarray(0, length);
    source.readInto(offset, part);
    return part;
  };
}
