import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { openSquashfs } from '../../../pipeline/formats/squashfs/index.ts';
import { describeTree, imageNames, readImage } from './images.ts';

/** A reader of hostile bytes ends with a tree or with a coded fault, never otherwise. */
function readsOrFaults(bytes: Uint8Array): void {
  try {
    describeTree(openSquashfs(memorySource(bytes)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error.code).toMatch(/^(squashfs|bytes|limit|source|tree|xz)\./);
  }
}

const edits = fc.array(
  fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255) }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

describe('any bytes', () => {
  test('are no image or one that can be read', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readsOrFaults), { numRuns: 200 });
  });

  test('behind a good magic are no image or one that can be read', () => {
    const magic = Uint8Array.of(0x68, 0x73, 0x71, 0x73);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 92, maxLength: 300 }), (rest) =>
        readsOrFaults(Buffer.concat([magic, rest])),
      ),
      { numRuns: 200 },
    );
  });
});

describe.each(imageNames)('the image made with %s', (name) => {
  const pristine = readImage(name);
  const tables = Number(Buffer.from(pristine.buffer).readBigUInt64LE(64));

  test('is read or refused with any of its metadata changed', () => {
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = Uint8Array.from(pristine);
        for (const { at, byte } of changes) bytes[tables + Math.floor(at * (bytes.length - tables))] = byte;
        readsOrFaults(bytes);
      }),
      { numRuns: 30 },
    );
  });

  test('is read or refused with its superblock changed', () => {
    fc.assert(
      fc.property(fc.nat(95), fc.nat(255), (at, byte) =>
        readsOrFaults(Uint8Array.from(pristine).fill(byte, at, at + 1)),
      ),
      { numRuns: 40 },
    );
  });

  test('is refused when it is cut anywhere', () => {
    fc.assert(
      fc.property(fc.nat(pristine.length - 1), (length) => {
        expect(() => openSquashfs(memorySource(pristine.subarray(0, length)))).toThrow(Fault);
      }),
      { numRuns: 20 },
    );
  });
});
