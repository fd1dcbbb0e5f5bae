import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, memorySource, type Source } from '../../../pipeline/core/index.ts';
import {
  architectureOf,
  foretellElfRanges,
  parseElfHeader,
  readElf,
  sectionNamed,
} from '../../../pipeline/formats/elf/index.ts';
import { buildElfImage } from '../../support/elf-image.ts';

const goProgram = (name: string) =>
  zstdDecompressSync(readFileSync(new URL(`../../fixtures/go-buildinfo/${name}.zst`, import.meta.url)));

const data = { address: 0x500000n, content: Buffer.alloc(100, 7), writable: true };
const image = buildElfImage({
  segments: [{ address: 0x400000n, content: Buffer.alloc(50, 1), executable: true }, data],
  sections: [
    { name: '.text', address: 0x400000n, sizeBytes: 50 },
    { name: '.data', address: 0x500000n, sizeBytes: 100 },
  ],
});

function codeOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

function edited(edit: (bytes: Buffer) => void): Source {
  const bytes = Buffer.from(image);
  edit(bytes);
  return memorySource(bytes, 'program');
}

describe('readElf', () => {
  it('reads segments and named sections', () => {
    const elf = readElf(memorySource(image));
    expect(elf.header).toMatchObject({ bits: 64, kind: 'executable', machine: 62 });
    expect(elf.segments.map(({ address, writable, executable }) => [address, writable, executable])).toEqual([
      [0x400000n, false, true],
      [0x500000n, true, false],
    ]);
    expect(elf.sections.map(({ name }) => name)).toEqual(['', '.text', '.data', '.shstrtab']);
    const section = sectionNamed(elf, '.data');
    expect(image.subarray(section!.offset, section!.offset + section!.sizeBytes).equals(data.content)).toBe(true);
    expect(sectionNamed(elf, '.bss')).toBeUndefined();
  });

  it('reads the 32-bit class, whose fields stand elsewhere', () => {
    const elf = readElf(memorySource(buildElfImage({ bits: 32, machine: 3, segments: [data], sections: [] })));
    expect(elf.header.bits).toBe(32);
    expect(elf.segments[0]).toMatchObject({ loaded: true, writable: true, executable: false, fileBytes: 100 });
  });

  it('reads a file without sections', () => {
    expect(readElf(memorySource(buildElfImage({ segments: [data] }))).sections).toEqual([]);
  });

  it.each([
    ['go-amd64', 'x86-64'],
    ['go-arm64', 'arm64'],
    ['go-386', 'x86'],
  ])('tells the architecture of %s in the word of systemd', (name, word) => {
    expect(architectureOf(parseElfHeader(goProgram(name).subarray(0, 64)))).toBe(word);
  });

  it('has no word for an architecture that systemd does not name', () => {
    expect(architectureOf(parseElfHeader(buildElfImage({ machine: 0x9999 })))).toBeNull();
    expect(architectureOf(parseElfHeader(buildElfImage({ bits: 32, machine: 62 })))).toBeNull();
  });

  it.each<[string, (bytes: Buffer) => void, string]>([
    ['another magic', (bytes) => bytes.writeUInt8(0x7e, 0), 'elf.magic'],
    ['another class', (bytes) => bytes.writeUInt8(3, 4), 'elf.class'],
    ['big-endian order', (bytes) => bytes.writeUInt8(2, 5), 'elf.byte-order'],
    ['another version', (bytes) => bytes.writeUInt8(2, 6), 'elf.version'],
    ['program headers of another size', (bytes) => bytes.writeUInt16LE(55, 54), 'elf.table'],
    ['section headers of another size', (bytes) => bytes.writeUInt16LE(63, 58), 'elf.table'],
    ['extended numbering of segments', (bytes) => bytes.writeUInt16LE(0xffff, 56), 'elf.extended-numbering'],
    ['extended numbering of sections', (bytes) => bytes.writeUInt16LE(0, 60), 'elf.extended-numbering'],
    ['too many segments', (bytes) => bytes.writeUInt16LE(0xfffe, 56), 'limit.elf-segments'],
    ['too many sections', (bytes) => bytes.writeUInt16LE(0xfffe, 60), 'limit.elf-sections'],
    ['a segment table outside the file', (bytes) => bytes.writeBigUInt64LE(1n << 40n, 32), 'source.range'],
    ['a section table beyond any file', (bytes) => bytes.writeBigUInt64LE(1n << 63n, 40), 'bytes.number'],
    ['names in a section that holds none', (bytes) => bytes.writeUInt16LE(1, 62), 'elf.names'],
  ])('refuses %s', (_, edit, code) => {
    expect(codeOf(() => readElf(edited(edit)))).toBe(code);
  });

  it('refuses section names of unreasonable size', () => {
    const source = edited((bytes) => bytes.writeBigUInt64LE(1n << 30n, bytes.byteLength - 64 + 32));
    expect(codeOf(() => readElf(source))).toBe('limit.elf-names');
  });

  it('refuses every truncation', () => {
    for (let length = 0; length < image.length; length++)
      expect(codeOf(() => readElf(memorySource(image.subarray(0, length))))).toMatch(/^(source\.range|bytes\.short)$/);
  });

  it('answers any bytes with a file or a fault', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 12 }), (edits) => {
        const source = edited((bytes) => edits.forEach(([at, to]) => (bytes[at] = to)));
        expect(codeOf(() => readElf(source))).toMatch(/^(no fault|elf\.|bytes\.|source\.range|limit\.)/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('foretellElfRanges', () => {
  const covers = (bytes: Buffer, headBytes: number) => {
    const ranges = foretellElfRanges(bytes.subarray(0, headBytes), bytes.length);
    const missed: string[] = [];
    readElf({
      name: 'program',
      sizeBytes: bytes.length,
      read(offset, length) {
        if (!ranges.some((range) => range.offset <= offset && offset + length <= range.offset + range.length))
          missed.push(`${offset}+${length}`);
        return bytes.subarray(offset, offset + length);
      },
    });
    return missed;
  };

  it.each(['go-amd64', 'go-arm64', 'go-386', 'go-pie'])('foretells all that a reader of %s asks for', (name) => {
    expect(covers(goProgram(name), 4096)).toEqual([]);
  });

  it('foretells a section table at the end, with the names before it', () => {
    expect(covers(image, 256)).toEqual([]);
  });

  it('foretells nothing of a file that is malformed', () => {
    expect(foretellElfRanges(Buffer.from('\x7fELF\x02\x02'), 100)).toEqual([]);
    expect(foretellElfRanges(new Uint8Array(), 0)).toEqual([]);
  });

  it('foretells ranges inside the file only, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 12 }), (edits) => {
        const bytes = Buffer.from(image);
        for (const [at, to] of edits) bytes[at] = to;
        const ranges = foretellElfRanges(bytes, bytes.length);
        expect(ranges.every(({ offset, length }) => offset >= 0 && length > 0 && offset + length <= bytes.length)).toBe(
          true,
        );
      }),
      { numRuns: 2000 },
    );
  });
});
