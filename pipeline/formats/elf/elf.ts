import { ByteReader, Fault, limits, type Source } from '../../core/index.ts';
import { type ElfHeader, type ElfTable, headerBytes, parseElfHeader } from './header.ts';

export type { ElfHeader } from './header.ts';

/** The first four bytes of every ELF file. */
export const elfMagic: Uint8Array = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);

/** A program header: how a part of the file stands in memory. Addresses may be any 64-bit number. */
export type ElfSegment = {
  readonly type: number;
  readonly loaded: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
};

export type ElfSection = {
  /** Empty where the file has no section of names. */
  readonly name: string;
  readonly type: number;
  readonly address: bigint;
  readonly offset: number;
  readonly sizeBytes: number;
};

export type ElfFile = {
  readonly header: ElfHeader;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
};

const loadSegment = 1; // PT_LOAD
const executableFlag = 1;
const writableFlag = 2;
const stringTable = 3; // SHT_STRTAB

/**
 * Reads the headers of an ELF file: the file header, then segments, then sections with their names. No other byte of the
 * file is read. Faults: those of parseElfHeader, elf.names, limit.elf-names, source.range.
 */
export function readElf(source: Source): ElfFile {
  const header = parseElfHeader(source.read(0, Math.min(headerBytes, source.sizeBytes)));
  const segments = readSegments(source, header);
  const sections = readSections(source, header);
  return Object.freeze({ header, segments, sections: namedSections(source, header, sections) });
}

/** The first section of that name, as the Go toolchain and readelf take it. */
export function sectionNamed(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

export function readSegments(source: Source, header: ElfHeader): readonly ElfSegment[] {
  return readTable(source, header.segments, 'ELF segment', (r) => parseSegment(r, header.bits));
}

/** Sections as the table gives them, their names still offsets. */
export function readSections(source: Source, header: ElfHeader): readonly UnnamedSection[] {
  return readTable(source, header.sections, 'ELF section', (r) => parseSection(r, header.bits));
}

function readTable<T>(source: Source, table: ElfTable, record: string, parse: (r: ByteReader) => T): T[] {
  if (table.count === 0) return [];
  const bytes = source.read(table.offset, table.count * table.entryBytes);
  return Array.from({ length: table.count }, (_, index) => {
    const start = index * table.entryBytes;
    return parse(new ByteReader(bytes.subarray(start, start + table.entryBytes), record, table.offset + start));
  });
}

/** gABI chapter 5, Elf32_Phdr and Elf64_Phdr: the flags stand in different places. */
function parseSegment(r: ByteReader, bits: 32 | 64): ElfSegment {
  const wide = bits === 64;
  const type = r.u32le('type');
  const early = wide ? r.u32le('flags') : 0;
  const offset = wide ? r.u64leBig('offset') : BigInt(r.u32le('offset'));
  const address = wide ? r.u64leBig('virtual address') : BigInt(r.u32le('virtual address'));
  r.skip(bits / 8, 'physical address');
  const fileBytes = wide ? r.u64leBig('file size') : BigInt(r.u32le('file size'));
  r.skip(bits / 8, 'memory size');
  const flags = wide ? early : r.u32le('flags');
  return {
    type,
    loaded: type === loadSegment,
    writable: (flags & writableFlag) !== 0,
    executable: (flags & executableFlag) !== 0,
    offset: Number(offset),
    address,
    fileBytes: Number(fileBytes),
  };
}

type UnnamedSection = Omit<ElfSection, 'name'> & { readonly nameAt: number };

function parseSection(r: ByteReader, bits: 32 | 64): UnnamedSection {
  const word = (field: string) => (bits === 64 ? r.u64leBig(field) : BigInt(r.u32le(field)));
  const nameAt = r.u32le('name');
  const type = r.u32le('type');
  r.skip(bits / 8, 'flags');
  const address = word('address');
  return { nameAt, type, address, offset: Number(word('offset')), sizeBytes: Number(word('size')) };
}

function namedSections(source: Source, header: ElfHeader, sections: readonly UnnamedSection[]): ElfSection[] {
  const table = header.nameSection === 0 ? undefined : sections[header.nameSection];
  const names = table === undefined ? new Uint8Array() : readNames(source, table);
  return sections.map(({ nameAt, ...section }) => ({ name: nameIn(names, nameAt), ...section }));
}

function readNames(source: Source, table: UnnamedSection): Uint8Array {
  if (table.type !== stringTable)
    throw new Fault('elf.names', `Cannot read ELF section names: section of type ${table.type}, want a string table`, {
      where: source.name,
    });
  if (table.sizeBytes > limits.elfNameBytes)
    throw new Fault(
      'limit.elf-names',
      `Cannot read ELF section names: ${table.sizeBytes} bytes, want at most ${limits.elfNameBytes}`,
      { where: source.name },
    );
  return source.read(table.offset, table.sizeBytes);
}

function nameIn(names: Uint8Array, start: number): string {
  if (start >= names.byteLength) return '';
  const end = names.indexOf(0, start);
  return Buffer.from(names.subarray(start, end < 0 ? undefined : end)).toString('latin1');
}
