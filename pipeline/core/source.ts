import { Fault } from './fault.ts';

/**
 * Bytes of a file, a device or memory, read synchronously at any offset. A port: `edge/` implements it for files.
 *
 * `read` returns exactly `length` bytes or throws: a Fault `source.range` where the range is not inside the source,
 * `file.read` where the medium fails. The bytes it returns belong to the caller and may be a view of a shared buffer only
 * when nobody writes to it.
 */
export type Source = {
  /** For messages: the file's path, and the partition where it is one. */
  readonly name: string;
  readonly sizeBytes: number;
  read(offset: number, length: number): Uint8Array;
  /** As read, into the caller's own buffer: content that is streamed through one buffer leaves no garbage behind. */
  readInto?(offset: number, target: Uint8Array): void;
  /** Where a worker of another thread finds the same bytes. Absent for bytes that are only in memory. */
  readonly location?: SourceLocation;
};

export type SourceLocation = { readonly path: string; readonly offsetBytes: number };

/** Checks a range before anything is allocated or read. Offsets and lengths come from hostile metadata. */
export function checkRange(source: { name: string; sizeBytes: number }, offset: number, length: number): void {
  const inside =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= source.sizeBytes;
  if (!inside) {
    throw new Fault(
      'source.range',
      `Cannot read ${length} bytes at ${offset}: ${source.name} has ${source.sizeBytes} bytes`,
      { where: source.name },
    );
  }
}

/** A source over bytes in memory. */
export function memorySource(bytes: Uint8Array, name = 'memory'): Source {
  const source = {
    name,
    sizeBytes: bytes.byteLength,
    read(offset: number, length: number) {
      checkRange(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}

/** A range of a source as a source of its own, such as a partition of a disk. Faults: source.range. */
export function sliceSource(parent: Source, offset: number, length: number, name: string): Source {
  checkRange(parent, offset, length);
  const { location } = parent;
  const slice: Source = {
    name,
    sizeBytes: length,
    read(start: number, count: number) {
      checkRange(slice, start, count);
      return parent.read(offset + start, count);
    },
    ...(parent.readInto === undefined
      ? {}
      : {
          readInto(start: number, target: Uint8Array) {
            checkRange(slice, start, target.byteLength);
            parent.readInto?.(offset + start, target);
          },
        }),
    ...(location === undefined
      ? {}
      : { location: { path: location.path, offsetBytes: location.offsetBytes + offset } }),
  };
  return slice;
}
