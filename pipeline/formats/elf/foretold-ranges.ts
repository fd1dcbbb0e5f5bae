import { Fault, limits, memorySource } from '../../core/index.ts';
import { readSections, readSegments } from './elf.ts';
import { type ElfHeader, type ElfTable, headerBytes, parseElfHeader } from './header.ts';

export type ByteRange = { readonly offset: number; readonly length: number };

/**
 * Bytes of the first writable segment that hold Go's build information. Go's own linker puts it first; GNU ld and lld,
 * which write the section table at the file's end, put it behind the data, so the segment is kept whole where it can be.
 */
const dataStartBytes = 64 * 1024;
const dataBytes = 8 * 1024 * 1024;
/** GNU ld and lld write the section names right before the section table at the file's end. */
const namesBeforeTableBytes = 4096;

/**
 * The ranges that a reader of this ELF file will ask for, told from the file's first bytes, for a file that streams by
 * once. A guess: a range that turns out to be needed and is not among them costs another reading, nothing else. All
 * ranges lie inside the file and are bounded by the limits of ELF; none for a file that is malformed.
 */
export function foretellElfRanges(head: Uint8Array, sizeBytes: number): readonly ByteRange[] {
  const header = headerIn(head);
  if (header === undefined) return [];
  const ranges = [{ offset: 0, length: headerBytes }, rangeOf(header.segments), rangeOf(header.sections)];
  const start = memorySource(head);
  if (isInside(header.segments, head)) {
    const mostBytes = isInside(header.sections, head) ? dataStartBytes : dataBytes;
    const data = readSegments(start, header).find(
      ({ loaded, writable, executable }) => loaded && writable && !executable,
    );
    if (data !== undefined) ranges.push({ offset: data.offset, length: Math.min(data.fileBytes, mostBytes) });
  }
  if (isInside(header.sections, head)) {
    const names = readSections(start, header)[header.nameSection];
    if (names !== undefined && names.sizeBytes <= limits.elfNameBytes)
      ranges.push({ offset: names.offset, length: names.sizeBytes });
  } else {
    const before = Math.min(header.sections.offset, namesBeforeTableBytes);
    ranges.push({ offset: header.sections.offset - before, length: before });
  }
  return ranges.filter(({ offset, length }) => length > 0 && offset + length <= sizeBytes);
}

function headerIn(head: Uint8Array): ElfHeader | undefined {
  try {
    return parseElfHeader(head.subarray(0, headerBytes));
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

function rangeOf(table: ElfTable): ByteRange {
  return { offset: table.offset, length: table.count * table.entryBytes };
}

function isInside(table: ElfTable, head: Uint8Array): boolean {
  const { offset, length } = rangeOf(table);
  return offset + length <= head.byteLength;
}
