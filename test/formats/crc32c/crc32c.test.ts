import { assert, nat, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, crc32cOfBlocks } from '../../../pipeline/formats/crc32c/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
test.each([
  ['the digits 1 to 9', bytes('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
  ['32 zero bytes', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 rising bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
])('CRC-32C of %s is the published one', (_, input, want) => {
  expect(crc32c(input)).toBe(want);
});

test('CRC-32C does not depend on where the bytes stand in their buffer nor on how they are cut', () => {
  assert(
    property(uint8Array({ maxLength: 200 }), nat(15), nat(200), (input, shift, cut) => {
      const buffer = new Uint8Array(input.length + shift);
      buffer.set(input, shift);
      const whole = crc32c(input);
      expect(crc32c(buffer.subarray(shift))).toBe(whole);
      expect(crc32c(input.subarray(cut), crc32c(input.subarray(0, cut)))).toBe(whole);
    }),
  );
});

test('CRC-32C of several blocks is that of each, wherever they stand', () => {
  assert(
    property(nat(9), nat(7), nat(5), uint8Array({ minLength: 600, maxLength: 600 }), (count, shift, words, input) => {
      const blockBytes = 8 + 8 * words;
      // A Buffer, whose slice() is no copy.
      const blocks = Buffer.from(input).subarray(shift, shift + count * blockBytes);
      const each = Array.from({ length: count }, (_, i) =>
        crc32c(blocks.subarray(i * blockBytes, (i + 1) * blockBytes)),
      );
      expect([...crc32cOfBlocks(blocks, blockBytes)]).toEqual(each);
    }),
  );
});
