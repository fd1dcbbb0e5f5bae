import { ByteReader, Fault, limits } from '../../core/index.ts';

/** Bytes that hold the file header of either class. */
export const headerBytes = 64;

/** The ELF file header, System V gABI chapter 4. Little-endian files only. */
export type ElfHeader = {
  readonly bits: 32 | 64;
  readonly kind: ElfKind;
  /** e_machine. */
  readonly machine: number;
  readonly segments: ElfTable;
  readonly sections: ElfTable;
  /** Index of the section that holds the sections' names; 0 for none. */
  readonly nameSection: number;
};

type ElfKind = 'relocatable' | 'executable' | 'shared' | 'core' | 'other';

/** A table of equal entries in the file; no entries means no table. */
export type ElfTable = { readonly offset: number; readonly entryBytes: number; readonly count: number };

const kinds: Readonly<Record<number, ElfKind>> = { 1: 'relocatable', 2: 'executable', 3: 'shared', 4: 'core' };
const segmentEntryBytes = { 32: 32, 64: 56 } as const;
const sectionEntryBytes = { 32: 40, 64: 64 } as const;

/** e_phnum that refers to section 0 for the true number. */
const extendedNumbering = 0xffff;

/**
 * Parses the file header from the first 64 bytes, or all there are.
 * Faults: elf.magic, elf.class, elf.byte-order, elf.version, elf.table, elf.extended-numbering, limit.elf-segments,
 * limit.elf-sections, bytes.short, bytes.number.
 */
export function parseElfHeader(bytes: Uint8Array): ElfHeader {
  const r = new ByteReader(bytes, 'ELF header');
  if (r.u32be('magic') !== 0x7f454c46) throw r.fault('elf.magic', 'magic', 'want 0x7f "ELF"');
  const fileClass = r.u8('class');
  if (fileClass !== 1 && fileClass !== 2)
    throw r.fault('elf.class', 'class', `${fileClass}, want 1 (32-bit) or 2 (64-bit)`);
  const byteOrder = r.u8('data');
  if (byteOrder !== 1)
    throw r.fault('elf.byte-order', 'data', `${byteOrder}, want 1: big-endian files are not supported`);
  const identVersion = r.u8('ident version');
  if (identVersion !== 1) throw r.fault('elf.version', 'ident version', `${identVersion}, want 1`);
  r.skip(9, 'OS ABI and padding');

  const bits = fileClass === 1 ? 32 : 64;
  const word = (field: string) => (bits === 32 ? r.u32le(field) : r.u64le(field));
  const kind = kinds[r.u16le('type')] ?? 'other';
  const machine = r.u16le('machine');
  r.skip(4, 'version');
  r.skip(bits / 8, 'entry');
  const segmentOffset = word('program header offset');
  const sectionOffset = word('section header offset');
  r.skip(4, 'flags');
  r.skip(2, 'header size');
  const segments = {
    offset: segmentOffset,
    entryBytes: r.u16le('program header size'),
    count: r.u16le('program headers'),
  };
  const sections = {
    offset: sectionOffset,
    entryBytes: r.u16le('section header size'),
    count: r.u16le('section headers'),
  };
  const nameSection = r.u16le('section of names');

  // gABI "Extended numbering" is for core dumps and huge object files: neither runs on a node.
  if (segments.count === extendedNumbering || (sections.count === 0 && sections.offset !== 0))
    throw r.fault('elf.extended-numbering', 'number of headers', 'extended numbering is not supported');
  return Object.freeze({
    bits,
    kind,
    machine,
    segments: checkedTable(segments, segmentEntryBytes[bits], limits.elfSegments, 'segments'),
    sections: checkedTable(sections, sectionEntryBytes[bits], limits.elfSections, 'sections'),
    nameSection,
  });
}

function checkedTable(table: ElfTable, entryBytes: number, most: number, what: 'segments' | 'sections'): ElfTable {
  if (table.count === 0) return { offset: 0, entryBytes, count: 0 };
  if (table.entryBytes !== entryBytes)
    throw new Fault('elf.table', `Cannot read ELF ${what}: entries of ${table.entryBytes} bytes, want ${entryBytes}`, {
      where: 'ELF header',
    });
  if (table.count > most)
    throw new Fault(`limit.elf-${what}`, `Cannot read ELF ${what}: ${table.count} of them, want at most ${most}`, {
      where: 'ELF header',
    });
  return table;
}
