import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, decodeFileName, decodeUtf8, Fault } from '../../pipeline/core/index.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const codeOf = (step: () => unknown): string => {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
};

describe('a byte reader', () => {
  it('reads numbers in either byte order', () => {
    const reader = new ByteReader(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 'record');
    expect([reader.u8('a'), reader.u16le('b'), reader.u16be('c'), reader.u32le('d')]).toEqual([
      1, 0x0302, 0x0405, 0x09080706,
    ]);
  });

  it('names the record, the field and the place in the input when bytes run out', () => {
    const reader = new ByteReader(bytes(0, 0), 'GPT header', 512);
    reader.skip(1, 'first');
    expect(() => reader.u32le('crc')).toThrow(
      expect.objectContaining({ code: 'bytes.short', where: 'GPT header at byte 513, field crc' }),
    );
  });

  it('refuses a 64-bit number that is no safe integer', () => {
    expect(codeOf(() => new ByteReader(bytes(255, 255, 255, 255, 255, 255, 255, 255), 'r').u64le('size'))).toBe(
      'bytes.number',
    );
  });

  it('refuses bytes that no field claims', () => {
    const reader = new ByteReader(bytes(1, 2), 'r');
    reader.u8('one');
    expect(codeOf(() => reader.end())).toBe('bytes.trailing');
  });

  it('refuses lengths that are negative, fractional or not numbers', () => {
    for (const length of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(codeOf(() => new ByteReader(bytes(1, 2), 'r').bytes(length, 'f'))).toBe('bytes.short');
  });

  it('refuses control characters in a padded text', () => {
    expect(codeOf(() => new ByteReader(bytes(0x41, 0x07, 0, 0), 'r').asciiPadded(4, 'f'))).toBe('bytes.ascii');
  });
});

describe('a file name', () => {
  it('that is UTF-8 is that text', () => {
    expect(decodeFileName(Buffer.from('Zürich.crt'))).toBe('Zürich.crt');
  });

  it('that is not UTF-8 keeps each foreign byte apart', () => {
    expect(decodeFileName(bytes(0x61, 0xff, 0x62))).toBe('a\udcffb');
  });

  it('is never the same text for two different byte strings', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }), (a, b) => {
        fc.pre(Buffer.compare(a, b) !== 0);
        expect(decodeFileName(a)).not.toBe(decodeFileName(b));
      }),
      { numRuns: 500 },
    );
  });
});

describe('strict UTF-8', () => {
  it('keeps a byte order mark and refuses what is malformed', () => {
    expect(decodeUtf8(bytes(0xef, 0xbb, 0xbf, 0x61), 'text')).toBe('\ufeffa');
    expect(codeOf(() => decodeUtf8(bytes(0xc0, 0x80), 'text'))).toBe('bytes.utf8');
  });
});
