import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { crc32, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { decodeXz } from '../../../pipeline/formats/xz/index.ts';

const read = (name: string) => readFileSync(new URL(`../../fixtures/xz/${name}`, import.meta.url));
const text = gunzipSync(read('text.gz'));
const maxOutputBytes = 1 << 20;
const decode = (bytes: Uint8Array) => decodeXz(bytes, { maxOutputBytes });
const sameBytes = (left: Uint8Array, right: Uint8Array) => Buffer.compare(left, right) === 0;
const refusal = (code: string): unknown => expect.objectContaining({ name: 'Fault', code });

/** A copy with one byte changed. */
function flipped(bytes: Uint8Array, at: number, mask = 0xff): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}

describe('an .xz file', () => {
  test.each(['crc64', 'crc32', 'sha256', 'none', 'threads', 'x86-offset'])('with %s gives the text', (name) => {
    expect(sameBytes(decode(read(`${name}.xz`)), text)).toBe(true);
  });

  test('of several streams with padding between gives one after the other', () => {
    const file = Buffer.concat([read('crc64.xz'), new Uint8Array(8), read('sha256.xz'), new Uint8Array(4)]);
    expect(sameBytes(decode(file), Buffer.concat([text, text]))).toBe(true);
  });

  test('of several streams is refused where one is wanted', () => {
    const file = Buffer.concat([read('crc64.xz'), read('empty.xz')]);
    expect(() => decodeXz(file, { maxOutputBytes, maxStreams: 1 })).toThrow(refusal('xz.format'));
  });

  test('of nothing gives nothing', () => {
    expect(decode(read('empty.xz'))).toHaveLength(0);
  });

  test('gives as many bytes as are allowed, and is refused when it holds more', () => {
    const bytes = read('crc64.xz');
    expect(decodeXz(bytes, { maxOutputBytes: text.length })).toHaveLength(text.length);
    expect(() => decodeXz(bytes, { maxOutputBytes: text.length - 1 })).toThrow(refusal('xz.output'));
  });

  test.each([
    ['arm', 'ARM BCJ'],
    ['delta', 'Delta'],
  ])('with the filter %s is refused by its name', (name, filter) => {
    expect(() => decode(read(`${name}.xz`))).toThrow(
      expect.objectContaining({ code: 'xz.unsupported', message: expect.stringContaining(filter) }),
    );
  });

  test('with a check that nobody knows is refused by its number', () => {
    const bytes = Buffer.from(read('crc64.xz'));
    bytes[7] = 0x0f;
    bytes.writeUInt32LE(crc32(bytes.subarray(6, 8)), 8);
    bytes[bytes.length - 3] = 0x0f;
    bytes.writeUInt32LE(crc32(bytes.subarray(-8, -2)), bytes.length - 12);
    expect(() => decode(bytes)).toThrow(refusal('xz.unsupported'));
  });

  test('is refused when it is empty, text or only padding', () => {
    for (const bytes of [new Uint8Array(), Buffer.from('no such file, or so it seems'), new Uint8Array(400)])
      expect(() => decode(bytes)).toThrow(refusal('xz.format'));
  });

  test('is refused with bytes behind it that are no padding', () => {
    expect(() => decode(Buffer.concat([read('crc64.xz'), Buffer.from('more')]))).toThrow(Fault);
    expect(() => decode(Buffer.concat([read('crc64.xz'), new Uint8Array(3)]))).toThrow(Fault);
  });

  test('is refused with any one bit changed, as all of it is under a check', () => {
    const bytes = read('sha256.xz');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        expect(() => decode(flipped(bytes, at, 1 << bit))).toThrow(Fault);
      }),
      { numRuns: 300 },
    );
  });

  test('without a check gives something or a fault, never another error, with bytes changed', () => {
    const bytes = read('none.xz');
    const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const changed = Uint8Array.from(bytes);
        for (const { at, byte } of changes) changed[at] = byte;
        try {
          expect(decode(changed)).toHaveLength(text.length);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is refused when it is cut anywhere', () => {
    const bytes = read('threads.xz');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        expect(() => decode(bytes.subarray(0, length))).toThrow(Fault);
      }),
      { numRuns: 100 },
    );
  });

  test('is never anything but decoded or refused, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decode(bytes)).toThrow(Fault);
      }),
    );
  });
});
