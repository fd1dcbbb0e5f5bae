import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { decompressLzo1x } from '../../../pipeline/formats/lzo/index.ts';

const end = [0x11, 0, 0];
const bytes = (text: string): number[] => [...Buffer.from(text)];

function decompress(input: readonly number[] | Uint8Array, room = 100_000): string {
  const output = new Uint8Array(room);
  return Buffer.from(output.subarray(0, decompressLzo1x(Uint8Array.from(input), output))).toString('latin1');
}

function outcome(input: readonly number[] | Uint8Array, room = 4096): string {
  try {
    decompress(input, room);
    return 'decompressed';
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

// Each stream is written by hand from the kernel's description of the format (Documentation/staging/lzo.rst).
describe('a stream gives back', () => {
  test.each<[string, number[], string]>([
    ['nothing', end, ''],
    ['a first run of literals, counted from 17', [17 + 5, ...bytes('hello'), ...end], 'hello'],
    ['a run of literals whose length is in the opcode', [1, ...bytes('abcd'), ...end], 'abcd'],
    ['a run of literals longer than the opcode holds', [0, 2, ...bytes('x'.repeat(20)), ...end], 'x'.repeat(20)],
    ['a run of more than 255 literals', [0, 0, 3, ...bytes('y'.repeat(276)), ...end], 'y'.repeat(276)],
    ['a match of two bytes after few literals', [17 + 2, ...bytes('ab'), 0x04, 0, ...end], 'abab'],
    [
      'a match of three bytes after many literals',
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 255, ...bytes('z'.repeat(2313)), 0, 0, ...end],
      'z'.repeat(2316),
    ],
    ['a short match that overlaps itself', [17 + 4, ...bytes('abcd'), 0x40 | (1 << 2), 0, ...end], 'abcdcdc'],
    [
      'a match with literals behind it',
      [17 + 4, ...bytes('abcd'), 0x60 | (3 << 2) | 2, 0, ...bytes('XY'), ...end],
      'abcdabcdXY',
    ],
    ['a match of medium distance', [17 + 4, ...bytes('abcd'), 0x20 | 4, 3 << 2, 0, ...end], 'abcdabcdab'],
    [
      'a long match, its length behind the opcode',
      [17 + 4, ...bytes('abcd'), 0x20, 7, 0, 0, ...end],
      `abcd${'d'.repeat(40)}`,
    ],
  ])('%s', (_, input, want) => {
    expect(decompress(input)).toBe(want);
  });

  test('a match further back than 16 KiB', () => {
    const run = `A${'q'.repeat(0x4000 + 3)}`;
    const zeros = Math.floor((run.length - 18 - 1) / 255);
    const literals = [0, ...Array<number>(zeros).fill(0), run.length - 18 - 255 * zeros, ...bytes(run)];
    const text = decompress([...literals, 0x10 | 1, 4 << 2, 0, ...end]);
    expect([text.length, text.slice(-4)]).toEqual([run.length + 3, 'qAqq']);
  });
});

describe('a stream is refused that', () => {
  test.each<[string, string, number[]]>([
    ['is empty', 'lzo.input', []],
    ['ends without its end marker', 'lzo.input', [17 + 2, ...bytes('ab')]],
    ['ends inside literals', 'lzo.input', [17 + 9, ...bytes('ab')]],
    ['ends inside a length', 'lzo.input', [0, 0, 0, 0]],
    ['goes on after its end', 'lzo.input', [17 + 2, ...bytes('ab'), ...end, 0]],
    ['reaches back before its first byte', 'lzo.distance', [17 + 4, ...bytes('abcd'), 0x40, 9, ...end]],
    [
      'holds more than there is room for',
      'lzo.output',
      [17 + 4, ...bytes('abcd'), 0x20, ...Array<number>(50).fill(0), 1, 0, 0, ...end],
    ],
    ['is of the later version with runs', 'lzo.version', [17, 1, ...bytes('abcd')]],
  ])('%s', (_, code, input) => {
    expect(outcome(input)).toBe(code);
  });
});

test('whatever the bytes are, content or a fault comes out', () => {
  assert(
    property(uint8Array({ maxLength: 400 }), (input) => {
      expect(outcome(input)).toMatch(/^(decompressed|lzo\.[a-z]+)$/);
    }),
    { numRuns: 2000 },
  );
});
