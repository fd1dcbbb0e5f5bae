import { ByteReader, checkRange, decodeFileName, Fault, limits, type Source } from '../../core/index.ts';
import { type LookupTable, openLookupTable } from './lookup-table.ts';
import { metadataBlockBytes, type MetadataPlace, type MetadataReader } from './metadata.ts';

export type XattrTable = {
  /** The attributes of one entry of the xattr table, by full name. */
  read(number: number): ReadonlyMap<string, Uint8Array>;
};

const headerBytes = 16;
const prefixes: readonly string[] = ['user.', 'trusted.', 'security.'];
/** Bit of a key's type: the value is a reference to another attribute's value, stored once for both. */
const outOfLine = 0x100;
/** Linux: XATTR_NAME_MAX. */
const longestName = 255;

/**
 * Opens the table of extended attributes (squashfs documentation, §3.7): a header at `start`, then the list of places
 * of the entries, each of which refers to keys and values. Faults: squashfs.xattr, squashfs.table, limit.xattrs, limit.xattr-bytes.
 */
export function openXattrTable(image: Source, metadata: MetadataReader, start: number): XattrTable {
  checkRange(image, start, headerBytes);
  const header = new ByteReader(image.read(start, headerBytes), 'squashfs xattr table', start);
  const valuesStart = header.u64le('xattr_table_start');
  const count = header.u32le('xattr_ids');
  if (count > limits.treeEntries)
    throw header.fault('limit.tree-entries', 'xattr_ids', `${count}, want at most ${limits.treeEntries}`);
  const entries = openLookupTable(image, metadata, {
    what: 'xattr table',
    listStart: start + headerBytes,
    count,
    recordBytes: 16,
  });
  return { read: (number) => readXattrs(metadata, entries, valuesStart, start, number) };
}

function readXattrs(
  metadata: MetadataReader,
  entries: LookupTable,
  valuesStart: number,
  limit: number,
  number: number,
): ReadonlyMap<string, Uint8Array> {
  if (number >= entries.count)
    throw new Fault('squashfs.xattr', `Cannot read squashfs xattrs: entry ${number}, the table has ${entries.count}`);
  const entry = new ByteReader(entries.read(number), `squashfs xattr entry ${number}`);
  const reference = entry.u64le('xattr');
  const count = entry.u32le('count');
  if (count > limits.xattrs) throw entry.fault('limit.xattrs', 'count', `${count}, want at most ${limits.xattrs}`);
  const values = new XattrValues(metadata, valuesStart, limit);
  const attributes = new Map<string, Uint8Array>();
  let place = values.placeOf(reference);
  for (let left = count; left > 0; left--) {
    const key = values.readKey(place);
    const value = values.readValue(key.next, key.outOfLine);
    if (attributes.has(key.name))
      throw entry.fault('squashfs.xattr', 'name', `${JSON.stringify(key.name)} comes twice`);
    attributes.set(key.name, value.bytes);
    place = value.next;
  }
  return attributes;
}

/** The run of keys and values that entries refer to. */
class XattrValues {
  readonly #metadata: MetadataReader;
  readonly #start: number;
  readonly #limit: number;

  constructor(metadata: MetadataReader, start: number, limit: number) {
    this.#metadata = metadata;
    this.#start = start;
    this.#limit = limit;
  }

  placeOf(reference: number): MetadataPlace {
    const offset = reference % 0x1_0000;
    if (offset >= metadataBlockBytes)
      throw new Fault('squashfs.xattr', `Cannot find squashfs xattrs: reference 0x${reference.toString(16)}`);
    return { block: this.#start + Math.floor(reference / 0x1_0000), offset };
  }

  readKey(place: MetadataPlace): { readonly name: string; readonly outOfLine: boolean; readonly next: MetadataPlace } {
    const reader = new ByteReader(this.#read(place, 4), 'squashfs xattr');
    const type = reader.u16le('type');
    const nameBytes = reader.u16le('name_size');
    const prefix = prefixes[type & 0xff];
    if (prefix === undefined || (type & ~(0xff | outOfLine)) !== 0)
      throw reader.fault('squashfs.xattr', 'type', `0x${type.toString(16)}, want user, trusted or security`);
    const nameAt = this.#advance(place, 4);
    if (nameBytes === 0 || nameBytes > longestName - prefix.length)
      throw reader.fault('squashfs.xattr', 'name_size', `${nameBytes}, want 1 to ${longestName - prefix.length}`);
    const name = this.#read(nameAt, nameBytes);
    if (name.includes(0)) throw reader.fault('squashfs.xattr', 'name', 'has a NUL');
    return {
      name: prefix + decodeFileName(name),
      outOfLine: (type & outOfLine) !== 0,
      next: this.#advance(nameAt, nameBytes),
    };
  }

  readValue(place: MetadataPlace, isOutOfLine: boolean): { readonly bytes: Uint8Array; readonly next: MetadataPlace } {
    const sizeBytes = new ByteReader(this.#read(place, 4), 'squashfs xattr value').u32le('value_size');
    const at = this.#advance(place, 4);
    if (!isOutOfLine) return { bytes: this.#readSized(at, sizeBytes), next: this.#advance(at, sizeBytes) };
    if (sizeBytes !== 8)
      throw new Fault('squashfs.xattr', `Cannot read a squashfs xattr: a reference of ${sizeBytes} bytes, want 8`);
    const reference = new ByteReader(this.#read(at, 8), 'squashfs xattr reference').u64le('reference');
    // What is referred to is a value in any case: a reference leads no further.
    return { bytes: this.readValue(this.placeOf(reference), false).bytes, next: this.#advance(at, 8) };
  }

  /** A copy: views of a cached block would keep it alive. */
  #readSized(place: MetadataPlace, sizeBytes: number): Uint8Array {
    if (sizeBytes > limits.xattrBytes)
      throw new Fault(
        'limit.xattr-bytes',
        `Cannot read a squashfs xattr: ${sizeBytes} bytes, want at most ${limits.xattrBytes}`,
      );
    return this.#read(place, sizeBytes).slice();
  }

  #read(place: MetadataPlace, length: number): Uint8Array {
    return this.#metadata.read(place, length, this.#limit, 'xattr values');
  }

  #advance(place: MetadataPlace, distance: number): MetadataPlace {
    return this.#metadata.advance(place, distance, this.#limit, 'xattr values');
  }
}
