/** A segment of a program that is built for a test. */
type ElfImageSegment = {
  readonly address: bigint;
  readonly content: Uint8Array;
  readonly writable?: boolean;
  readonly executable?: boolean;
};

export type ElfImage = {
  readonly bits?: 32 | 64;
  /** e_type; 2 is an executable. */
  readonly type?: number;
  /** e_machine; 62 is x86-64. */
  readonly machine?: number;
  readonly segments?: readonly ElfImageSegment[];
  /** Sections that cover memory. */
  readonly sections?: readonly { readonly name: string; readonly address: bigint; readonly sizeBytes: number }[];
};

/** Builds an ELF file as linkers lay it out: headers, segments, section names, section table. */
export function buildElfImage({ bits = 64, type = 2, machine = 62, segments = [], sections }: ElfImage): Buffer {
  const wide = bits === 64;
  const [headerBytes, segmentBytes, sectionBytes] = wide ? [64, 56, 64] : [52, 32, 40];
  const pad = (offset: number) => Math.ceil(offset / 16) * 16;
  let offset = pad(headerBytes + segmentBytes * segments.length);
  const placed = segments.map((segment) => {
    const at = offset;
    offset = pad(offset + segment.content.byteLength);
    return { ...segment, offset: at };
  });
  const named = sections === undefined ? [] : [{ name: '', address: 0n, sizeBytes: 0 }, ...sections];
  const names = named.map(({ name }) => name);
  const nameTable = Buffer.from(`${[...names, '.shstrtab'].join('\0')}\0`, 'latin1');
  const nameTableAt = offset;
  const sectionTableAt = pad(offset + (named.length > 0 ? nameTable.byteLength : 0));
  const sectionCount = named.length > 0 ? named.length + 1 : 0;
  const file = Buffer.alloc(sectionTableAt + sectionBytes * sectionCount);

  const word = (value: number | bigint, at: number) => {
    if (wide) file.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
    else file.writeUInt32LE(Number(value), at);
    return at + bits / 8;
  };
  file.write('\x7fELF', 'latin1');
  file.set([wide ? 2 : 1, 1, 1], 4);
  file.writeUInt16LE(type, 16);
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  let at = word(0, 24);
  at = word(segments.length > 0 ? headerBytes : 0, at);
  at = word(sectionCount > 0 ? sectionTableAt : 0, at) + 4;
  for (const half of [
    headerBytes,
    segmentBytes,
    segments.length,
    sectionBytes,
    sectionCount,
    Math.max(sectionCount - 1, 0),
  ]) {
    file.writeUInt16LE(half, at);
    at += 2;
  }

  placed.forEach(({ address, content, writable = false, executable = false, offset: start }, index) => {
    const flags = 4 | (writable ? 2 : 0) | (executable ? 1 : 0);
    let field = headerBytes + segmentBytes * index;
    file.writeUInt32LE(1, field); // PT_LOAD
    field += 4;
    if (wide) {
      file.writeUInt32LE(flags, field);
      field += 4;
    }
    for (const value of [start, address, address, content.byteLength, content.byteLength]) field = word(value, field);
    if (!wide) file.writeUInt32LE(flags, field);
    file.set(content, start);
  });

  const offsetOf = (address: bigint) => {
    const segment = placed.find(
      (one) => one.address <= address && address < one.address + BigInt(one.content.byteLength),
    );
    return segment === undefined ? 0 : segment.offset + Number(address - segment.address);
  };
  const writeSection = (
    index: number,
    nameAt: number,
    kind: number,
    address: bigint,
    start: number,
    sizeBytes: number,
  ) => {
    const entry = sectionTableAt + sectionBytes * index;
    file.writeUInt32LE(nameAt, entry);
    file.writeUInt32LE(kind, entry + 4);
    let field = word(0, entry + 8);
    for (const value of [address, start, sizeBytes]) field = word(value, field);
  };
  let nameAt = 0;
  named.forEach(({ name, address, sizeBytes }, index) => {
    if (index > 0) writeSection(index, nameAt, 1, address, offsetOf(address), sizeBytes);
    nameAt += name.length + 1;
  });
  if (sectionCount > 0) {
    writeSection(sectionCount - 1, nameAt, 3, 0n, nameTableAt, nameTable.byteLength);
    file.set(nameTable, nameTableAt);
  }
  return file;
}

/** The blob of Go 1.18 and later: strings behind the header. */
export function buildInlineGoBlob(version: string, modules: string): Buffer {
  const header = Buffer.alloc(32);
  header.write('\xff Go buildinf:', 'latin1');
  header.set([8, 2], 14);
  return Buffer.concat([
    header,
    ...[version, framed(modules)].flatMap((text) => [
      varint(Buffer.byteLength(text, 'latin1')),
      Buffer.from(text, 'latin1'),
    ]),
  ]);
}

/** The blob of earlier Go: pointers to string headers, which stand behind it here, then the strings. */
export function buildPointedGoBlob(address: bigint, pointerBytes: 4 | 8, version: string, modules: string): Buffer {
  const strings = [version, framed(modules)].map((text) => Buffer.from(text, 'latin1'));
  const header = Buffer.alloc(32 + 4 * pointerBytes);
  const pointer = (value: bigint, at: number) => {
    if (pointerBytes === 8) header.writeBigUInt64LE(value, at);
    else header.writeUInt32LE(Number(value), at);
  };
  header.write('\xff Go buildinf:', 'latin1');
  header.set([pointerBytes, 0], 14);
  let next = address + BigInt(header.byteLength);
  strings.forEach((text, index) => {
    const stringHeader = 32 + index * 2 * pointerBytes;
    pointer(address + BigInt(stringHeader), 16 + index * pointerBytes);
    pointer(next, stringHeader);
    pointer(BigInt(text.byteLength), stringHeader + pointerBytes);
    next += BigInt(text.byteLength);
  });
  return Buffer.concat([header, ...strings]);
}

/** Sentinels of 16 bytes stand around the list, so that it is found in a core dump. */
function framed(modules: string): string {
  return `\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6${modules}\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2`;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
