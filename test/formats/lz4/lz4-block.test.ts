import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { decodeLz4Block } from '../../../pipeline/formats/lz4/index.ts';

/** One sequence of a block: literals, then a match that the last sequence has not. */
type Sequence = { readonly literals: Uint8Array; readonly offset: number; readonly match: number };

function encodeBlock(sequences: readonly Sequence[], last: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  const length = (count: number) => {
    if (count < 15) return;
    let rest = count - 15;
    for (; rest >= 255; rest -= 255) bytes.push(255);
    bytes.push(rest);
  };
  for (const { literals, offset, match } of sequences) {
    bytes.push((Math.min(literals.length, 15) << 4) | Math.min(match - 4, 15));
    length(literals.length);
    bytes.push(...literals, offset & 255, offset >> 8);
    length(match - 4);
  }
  bytes.push(Math.min(last.length, 15) << 4);
  length(last.length);
  bytes.push(...last);
  return Uint8Array.from(bytes);
}

/** The format's definition, a byte at a time. */
function expand(sequences: readonly Sequence[], last: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  for (const { literals, offset, match } of sequences) {
    bytes.push(...literals);
    for (let i = 0; i < match; i++) bytes.push(bytes[bytes.length - offset] as number);
  }
  bytes.push(...last);
  return Uint8Array.from(bytes);
}

const blocks = fc
  .array(
    fc.record({
      literals: fc.uint8Array({ maxLength: 300 }),
      offset: fc.integer({ min: 1, max: 400 }),
      match: fc.integer({ min: 4, max: 700 }),
    }),
    { maxLength: 12 },
  )
  .chain((raw) => {
    let written = 0;
    const sequences = raw.flatMap((sequence) => {
      written += sequence.literals.length;
      if (written === 0) return [];
      const offset = Math.min(sequence.offset, written);
      written += sequence.match;
      return [{ ...sequence, offset }];
    });
    return fc.uint8Array({ minLength: 1, maxLength: 300 }).map((last) => ({ sequences, last }));
  });

function faultCode(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'none';
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('a block of the LZ4 block format', () => {
  test('decodes literals alone', () => {
    expect(text(decodeLz4Block(Uint8Array.of(0x30, 97, 98, 99), 3))).toBe('abc');
  });

  test('repeats what it has just written where a match overlaps it', () => {
    const ab = Buffer.from('ab');
    const block = encodeBlock([{ literals: ab, offset: 2, match: 301 }], Buffer.from('end'));
    expect(text(decodeLz4Block(block, 1000))).toBe(`${'ab'.repeat(151)}aend`);
  });

  test('decodes to what its sequences say', () => {
    fc.assert(
      fc.property(blocks, ({ sequences, last }) => {
        const wanted = expand(sequences, last);
        const block = encodeBlock(sequences, last);
        expect(Buffer.compare(decodeLz4Block(block, wanted.length), wanted)).toBe(0);
        expect(Buffer.compare(decodeLz4Block(block, wanted.length + 100), wanted)).toBe(0);
      }),
    );
  });

  test('decodes as far as is asked for, whatever follows', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), ({ sequences, last }, cut) => {
        const wanted = expand(sequences, last);
        const length = cut % (wanted.length + 1);
        const block = Buffer.concat([encodeBlock(sequences, last), Uint8Array.of(0, 0, 0)]);
        const decoded = decodeLz4Block(length === wanted.length ? block.subarray(0, -3) : block, length, {
          partial: true,
        });
        expect(Buffer.compare(decoded, wanted.subarray(0, length))).toBe(0);
      }),
    );
  });

  test.for<[string, number[], number, string]>([
    ['is empty', [], 10, 'lz4.input'],
    ['ends inside a literal length', [0xf0, 255], 1000, 'lz4.input'],
    ['ends inside literals', [0x50, 97], 10, 'lz4.input'],
    ['ends inside an offset', [0x10, 97, 1], 10, 'lz4.input'],
    ['ends inside a match length', [0x1f, 97, 1, 0], 1000, 'lz4.input'],
    ['ends with a match', [0x10, 97, 1, 0], 10, 'lz4.input'],
    ['has more literals than output', [0x30, 97, 98, 99], 2, 'lz4.output'],
    ['has a longer match than output', [0x10, 97, 1, 0, 0x10, 98], 4, 'lz4.output'],
    ['has a match that starts before the output', [0x10, 97, 2, 0, 0x10, 98], 10, 'lz4.offset'],
    ['has a match at distance 0', [0x10, 97, 0, 0, 0x10, 98], 10, 'lz4.offset'],
  ])('is refused when it %s', ([, bytes, size, code]) => {
    expect(faultCode(() => decodeLz4Block(Uint8Array.from(bytes), size))).toBe(code);
  });

  test('of any bytes gives at most what is asked for, or a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5000), fc.boolean(), (bytes, size, partial) => {
        const code = faultCode(() => expect(decodeLz4Block(bytes, size, { partial }).length).toBeLessThanOrEqual(size));
        expect(code).toMatch(/^(none|lz4\..*)$/);
      }),
    );
  });
});
