import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { decodeSnappy } from '../../../pipeline/formats/snappy/index.ts';

const MiB = 1024 * 1024;
const sample = (name: string): Buffer => readFileSync(new URL(`../../fixtures/snappy/${name}.sn`, import.meta.url));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function codeOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

type Element =
  | { readonly literal: Uint8Array; readonly width: 0 | 1 | 2 | 3 | 4 }
  | { readonly offset: number; readonly length: number; readonly width: 1 | 2 | 4 };

const littleEndian = (value: number, width: number): number[] =>
  Array.from({ length: width }, (_, at) => Math.floor(value / 256 ** at) % 256);

function encodeElement(element: Element): readonly number[] {
  const { width } = element;
  if ('literal' in element) {
    const length = element.literal.length - 1;
    const tag = width === 0 ? length : 59 + width;
    return [tag << 2, ...littleEndian(length, width), ...element.literal];
  }
  const { offset, length } = element;
  if (width === 1) return [((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 255];
  return [((length - 1) << 2) | (width === 2 ? 2 : 3), ...littleEndian(offset, width)];
}

function encodeLength(length: number): readonly number[] {
  return length < 128 ? [length] : [(length & 127) | 128, ...encodeLength(length >> 7)];
}

/** The format's definition, a byte at a time. */
function expand(elements: readonly Element[]): number[] {
  const bytes: number[] = [];
  for (const element of elements) {
    if ('literal' in element) bytes.push(...element.literal);
    else for (let i = 0; i < element.length; i++) bytes.push(bytes[bytes.length - element.offset] as number);
  }
  return bytes;
}

function encode(elements: readonly Element[]): Uint8Array {
  return Uint8Array.from([...encodeLength(expand(elements).length), ...elements.flatMap(encodeElement)]);
}

const literals: fc.Arbitrary<Element> = fc
  .constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const)
  .chain((width) =>
    fc.uint8Array({ minLength: 1, maxLength: width === 0 ? 60 : 200 }).map((literal) => ({ literal, width })),
  );
const copies: fc.Arbitrary<Element> = fc.constantFrom(1 as const, 2 as const, 4 as const).chain((width) =>
  fc.record({
    width: fc.constant(width),
    offset: fc.integer({ min: 1, max: 2000 }),
    length: width === 1 ? fc.integer({ min: 4, max: 11 }) : fc.integer({ min: 1, max: 64 }),
  }),
);
const streams = fc.array(fc.oneof(literals, copies), { maxLength: 30 }).map((raw) => {
  let written = 0;
  return raw.flatMap((element): readonly Element[] => {
    if ('literal' in element) {
      written += element.literal.length;
      return [element];
    }
    if (written === 0) return [];
    const offset = Math.min(element.offset, written);
    written += element.length;
    return [{ ...element, offset }];
  });
});

describe('A Snappy block', () => {
  test('holds literals whose length is in the tag, or in one to four bytes', () => {
    for (const width of [0, 1, 2, 3, 4] as const) {
      const literal = Buffer.from(width === 0 ? 'short' : 'longer than sixty bytes '.repeat(10));
      expect(text(decodeSnappy(encode([{ literal, width }]), MiB))).toBe(literal.toString());
    }
    expect(text(decodeSnappy(Uint8Array.of(3, 2 << 2, 97, 98, 99), 3))).toBe('abc');
  });

  test.each([
    ['one byte', [9, 0, 97, (4 << 2) | 1, 1], 'aaaaaaaaa'],
    ['two bytes', [7, (2 << 2) | 0, 97, 98, 99, (3 << 2) | 2, 3, 0], 'abcabca'],
    ['four bytes', [5, (2 << 2) | 0, 97, 98, 99, (1 << 2) | 3, 2, 0, 0, 0], 'abcbc'],
  ])('holds copies with an offset of %s, which may overlap what they write', (_what, bytes, wanted) => {
    expect(text(decodeSnappy(Uint8Array.from(bytes), 100))).toBe(wanted);
  });

  test('that holds as many copies as can be is no bomb', () => {
    const elements = [
      { literal: Uint8Array.of(97), width: 0 as const },
      ...Array.from({ length: 5000 }, () => ({ offset: 1, length: 64, width: 2 as const })),
    ];
    expect(decodeSnappy(encode(elements), MiB)).toHaveLength(320_001);
  });

  test('with a length that its few bytes cannot have is refused before there is room for it', () => {
    expect(() => decodeSnappy(Uint8Array.of(0x80, 0x80, 0x80, 0x08, 0, 97), 16 * MiB)).toThrow(/too few for 16777216/);
  });

  test('is decoded as its definition says', () => {
    fc.assert(
      fc.property(streams, (elements) => {
        expect([...decodeSnappy(encode(elements), MiB)]).toEqual(expand(elements));
      }),
    );
  });

  test('of a real encoder is decoded', () => {
    const mixed = new Uint8Array(100_000);
    let state = 1;
    for (let at = 0; at < mixed.length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      mixed[at] = state >>> 24;
    }
    mixed.copyWithin(70_000, 0, 20_000);
    const lines = Array.from({ length: 9000 }, (_, at) => `{"line":"${'a'.repeat(at % 97)}"}\n`).join('');
    expect(decodeSnappy(sample('empty'), 0)).toHaveLength(0);
    expect(text(decodeSnappy(sample('short'), 10))).toBe('nodeproof\n');
    expect(Buffer.alloc(200_000).equals(decodeSnappy(sample('zeros'), MiB))).toBe(true);
    expect(Buffer.from(mixed).equals(decodeSnappy(sample('mixed'), MiB))).toBe(true);
    expect(text(decodeSnappy(sample('lines'), MiB)) === lines).toBe(true);
  });

  test.each([
    ['nothing', [], 'snappy.length'],
    ['a length that does not end', [0x80, 0x80], 'snappy.length'],
    ['a length beyond 32 bits', [0xff, 0xff, 0xff, 0xff, 0x10], 'snappy.length'],
    ['a length of five bytes that goes on', [0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 'snappy.length'],
    ['a length beyond the cap', [0xff, 0xff, 0xff, 0xff, 0x0f], 'limit.snappy'],
    ['less than its length', [2, 0, 97], 'snappy.length'],
    ['more than its length', [1, 1 << 2, 97, 98], 'snappy.length'],
    ['a copy beyond its length', [2, 0, 97, (4 << 2) | 1, 1], 'snappy.length'],
    ['a literal cut short', [3, 2 << 2, 97], 'snappy.input'],
    ["a literal's length cut short", [70, 61 << 2, 70], 'snappy.input'],
    ['a copy cut short', [9, 0, 97, (4 << 2) | 2, 1], 'snappy.input'],
    ['a copy of what is not there yet', [9, 0, 97, (7 << 2) | 2, 2, 0], 'snappy.offset'],
    ['a copy of itself', [9, 0, 97, (7 << 2) | 2, 0, 0], 'snappy.offset'],
    ['a copy from far before the start', [9, 0, 97, (7 << 2) | 3, 0xff, 0xff, 0xff, 0xff], 'snappy.offset'],
  ])('with %s is refused', (_what, bytes, code) => {
    expect(codeOf(() => decodeSnappy(Uint8Array.from(bytes), 1000))).toBe(code);
  });

  test('gives its stated number of bytes or a fault, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(200), (bytes, stated) => {
        const input = Uint8Array.from([...encodeLength(stated), ...bytes]);
        const code = codeOf(() => expect(decodeSnappy(input, 200)).toHaveLength(stated));
        expect(code).toMatch(/^(no fault|snappy\.[a-z]+)$/);
        codeOf(() => decodeSnappy(bytes, 200));
      }),
      { numRuns: 2000 },
    );
  });

  test('says where it is broken', () => {
    expect(() => decodeSnappy(Uint8Array.of(3, 2 << 2, 97), 10)).toThrow(
      expect.objectContaining({ where: 'Snappy block at byte 1' }),
    );
  });
});
