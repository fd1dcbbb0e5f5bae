import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import {
  layOutVerityTree,
  parseVeritySuperblock,
  readVeritySuperblock,
  verityTreeOffset,
} from '../../../pipeline/formats/verity/index.ts';
import { fixtureNamed, readImage } from './fixtures.ts';

const fixture = fixtureNamed('flatcar');
const superblock = readImage(fixture).slice(fixture.hashOffset, fixture.hashOffset + 512);

function parseWith(change: (bytes: DataView) => void): unknown {
  const bytes = superblock.slice();
  change(new DataView(bytes.buffer));
  return parseVeritySuperblock(bytes);
}

describe('a verity superblock', () => {
  it('gives the parameters that veritysetup was told', () => {
    expect(parseVeritySuperblock(superblock)).toEqual({
      version: 1,
      uuid: '0f0e0d0c-0b0a-4908-8706-050403020100',
      hashType: 1,
      algorithm: 'sha256',
      dataBlockSizeBytes: 4096,
      hashBlockSizeBytes: 4096,
      dataBlocks: 300,
      salt: fixture.salt,
    });
  });

  it('is frozen', () => {
    expect(Object.isFrozen(parseVeritySuperblock(superblock))).toBe(true);
  });

  it('is read at its offset', () => {
    const image = memorySource(readImage(fixture));
    expect(readVeritySuperblock(image, fixture.hashOffset)).toEqual(parseVeritySuperblock(superblock));
    expect(() => readVeritySuperblock(image, 100)).toThrow(expect.objectContaining({ code: 'verity.hash-offset' }));
    expect(() => readVeritySuperblock(image, image.sizeBytes)).toThrow(Fault);
  });

  it.each<[string, (bytes: DataView) => void, string]>([
    ['another signature', (bytes) => bytes.setUint8(0, 0x56), 'verity.signature'],
    ['a signature without its NUL', (bytes) => bytes.setUint8(7, 0x21), 'verity.signature'],
    ['version 2', (bytes) => bytes.setUint32(8, 2, true), 'verity.version'],
    ['hash type 2', (bytes) => bytes.setUint32(12, 2, true), 'verity.hash-type'],
    ['an algorithm that is not known', (bytes) => bytes.setUint8(32, 0x74), 'verity.algorithm'],
    ['an algorithm that is not ASCII', (bytes) => bytes.setUint8(33, 0xff), 'bytes.ascii'],
    ['data blocks of 256 bytes', (bytes) => bytes.setUint32(64, 256, true), 'verity.block-size'],
    ['hash blocks of 4095 bytes', (bytes) => bytes.setUint32(68, 4095, true), 'verity.block-size'],
    ['hash blocks of 4 GiB less one', (bytes) => bytes.setUint32(68, 0xffffffff, true), 'verity.block-size'],
    ['no data blocks', (bytes) => bytes.setBigUint64(72, 0n, true), 'verity.data-blocks'],
    ['2^63 data blocks', (bytes) => bytes.setBigUint64(72, 1n << 63n, true), 'bytes.number'],
    ['2^52 data blocks', (bytes) => bytes.setBigUint64(72, 1n << 52n, true), 'verity.data-blocks'],
    ['a salt of 257 bytes', (bytes) => bytes.setUint16(80, 257, true), 'verity.salt'],
  ])('is refused with %s', (_, change, code) => {
    expect(() => parseWith(change)).toThrow(expect.objectContaining({ name: 'Fault', code }));
  });

  it('is refused shorter and longer than 512 bytes', () => {
    expect(() => parseVeritySuperblock(superblock.slice(0, 511))).toThrow(Fault);
    expect(() => parseVeritySuperblock(Buffer.concat([superblock, Buffer.alloc(1)]))).toThrow(Fault);
  });

  it('gives a value or a Fault for any bytes', () => {
    const mutated = fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { maxLength: 8 }).map((changes) => {
      const bytes = superblock.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), (bytes) => {
        try {
          const parsed = parseVeritySuperblock(bytes);
          layOutVerityTree(parsed, verityTreeOffset(0, parsed.hashBlockSizeBytes));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the layout of a tree', () => {
  it("is Flatcar's: 2032, 16 and 1 hash blocks that end at exactly 1 GiB", () => {
    const parameters = { ...fixture, dataBlocks: 260_094 };
    const layout = layOutVerityTree(parameters, verityTreeOffset(1_065_345_024, 4096));
    expect(layout.levels.map(({ blocks }) => blocks)).toEqual([2032, 16, 1]);
    expect(layout.levels[2]!.offset).toBe(1_065_349_120);
    expect(layout.endOffset).toBe(1_073_741_824);
  });

  it('has no level for one data block', () => {
    expect(layOutVerityTree({ ...fixture, dataBlocks: 1 }, 4096)).toEqual({ levels: [], endOffset: 4096 });
  });

  it('begins at the next whole hash block after the superblock', () => {
    expect(verityTreeOffset(0, 512)).toBe(512);
    expect(verityTreeOffset(512, 4096)).toBe(4096);
    expect(verityTreeOffset(3584, 4096)).toBe(4096);
    expect(verityTreeOffset(4096, 4096)).toBe(8192);
  });
});
