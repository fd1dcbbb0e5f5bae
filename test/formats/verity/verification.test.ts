import { createHash, getHashes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { parseVerityAlgorithm } from '../../../pipeline/formats/verity/algorithms.ts';
import {
  layOutVerityTree,
  readVeritySuperblock,
  type VerityParameters,
  type VerityReport,
  verifyVerityTree,
  verityTreeOffset,
} from '../../../pipeline/formats/verity/index.ts';
import { fixtureNamed, fixtures, readImage, type VerityFixture } from './fixtures.ts';

function treeOffsetOf({ superblock, hashOffset, hashBlockSizeBytes }: VerityFixture): number {
  return superblock ? verityTreeOffset(hashOffset, hashBlockSizeBytes) : hashOffset;
}

function verifyImage(fixture: VerityFixture, bytes: Uint8Array, trustedRootHash?: string): Promise<VerityReport> {
  const image = memorySource(bytes, fixture.name);
  return verifyVerityTree({
    parameters: fixture.superblock ? readVeritySuperblock(image, fixture.hashOffset) : fixture,
    data: image,
    hashes: image,
    treeOffset: treeOffsetOf(fixture),
    ...(trustedRootHash === undefined ? {} : { trustedRootHash }),
  });
}

/** The crypto of a standalone program has no SM3. */
const computable = fixtures.filter(({ algorithm }) => algorithm !== 'sm3' || getHashes().includes('sm3'));

describe('a verity tree', () => {
  it('of an algorithm that this program has not is refused', () => {
    for (const { algorithm } of fixtures) {
      if (getHashes().includes('sm3') || algorithm !== 'sm3') expect(parseVerityAlgorithm(algorithm)).toBe(algorithm);
      else expect(() => parseVerityAlgorithm(algorithm)).toThrow('this program has none');
    }
  });

  it.each(computable.map((fixture) => [fixture.name, fixture] as const))(
    '%s: has the root hash that veritysetup printed, and the stored tree matches',
    async (_, fixture) => {
      const report = await verifyImage(fixture, readImage(fixture));
      expect(report.rootHash).toBe(fixture.rootHash);
      expect(report.storedTree).toBe(fixture.dataBlocks === 1 ? 'none' : 'matches');
      expect(report.dataBlocks).toBe(fixture.dataBlocks);
    },
  );

  it('may lie on a device of its own', async () => {
    const fixture = fixtureNamed('flatcar');
    const bytes = readImage(fixture);
    const report = await verifyVerityTree({
      parameters: fixture,
      data: memorySource(bytes.slice(0, fixture.hashOffset)),
      hashes: memorySource(bytes.slice(fixture.hashOffset)),
      treeOffset: 4096,
    });
    expect(report).toMatchObject({ rootHash: fixture.rootHash, storedTree: 'matches' });
  });

  it('has its root hash from the data alone: a broken stored tree does not change it', async () => {
    const fixture = fixtureNamed('three-levels');
    const bytes = readImage(fixture);
    bytes.fill(0xff, treeOffsetOf(fixture));
    expect((await verifyImage(fixture, bytes)).rootHash).toBe(fixture.rootHash);
  });

  it('with salt in place of data gives another root hash', async () => {
    const fixture = fixtureNamed('no-superblock');
    const image = memorySource(readImage(fixture));
    const salts = ['', '00', fixture.salt.slice(2), `${fixture.salt}00`];
    const roots = await Promise.all(
      salts.map(async (salt) => {
        const parameters: VerityParameters = { ...fixture, salt };
        return (await verifyVerityTree({ parameters, data: image, hashes: image, treeOffset: fixture.hashOffset }))
          .rootHash;
      }),
    );
    expect(new Set([...roots, fixture.rootHash]).size).toBe(5);
  });
});

describe('the first difference', () => {
  // 300 data blocks of 512 bytes, 16 hashes a block: 19, 2 and 1 hash blocks.
  const fixture = fixtureNamed('three-levels');
  const layout = layOutVerityTree(fixture, treeOffsetOf(fixture));
  const levelAt = (level: number) => layout.levels[level]!;

  async function differenceAfter(change: (bytes: Uint8Array) => void, trusted?: string): Promise<unknown> {
    const bytes = readImage(fixture);
    change(bytes);
    const { storedTree } = await verifyImage(fixture, bytes, trusted);
    return typeof storedTree === 'object' ? storedTree.firstDifference : storedTree;
  }

  it.each([0, 1, 15, 16, 255, 299])('names data block %d when one bit of it is flipped', async (block) => {
    const offset = block * 512;
    const flip = (bytes: Uint8Array) => {
      bytes[offset + 77]! ^= 1;
    };
    expect(await differenceAfter(flip)).toEqual({ kind: 'data-block', block, offset });
    expect(await differenceAfter(flip, fixture.rootHash)).toEqual({ kind: 'data-block', block, offset });
  });

  it('names the lower of two corrupted data blocks', async () => {
    const flip = (bytes: Uint8Array) => {
      bytes[200 * 512]! ^= 1;
      bytes[30 * 512]! ^= 1;
    };
    expect(await differenceAfter(flip)).toMatchObject({ kind: 'data-block', block: 30 });
  });

  it.each([
    [0, 0],
    [0, 17],
    [1, 0],
    [1, 1],
  ])('names hash block %d/%d when one bit of it is flipped', async (level, block) => {
    const offset = levelAt(level).offset + block * 512;
    const flip = (bytes: Uint8Array) => {
      bytes[offset + 5]! ^= 0x80;
    };
    expect(await differenceAfter(flip)).toEqual({ kind: 'hash-block', level, block, offset });
  });

  it('names the top block when it does not answer to the trusted root hash', async () => {
    const flip = (bytes: Uint8Array) => {
      bytes[levelAt(2).offset]! ^= 1;
    };
    const top = { kind: 'hash-block', level: 2, block: 0, offset: levelAt(2).offset };
    expect(await differenceAfter(flip, fixture.rootHash)).toEqual(top);
  });

  it('names the child that an altered top block no longer vouches for, where no root hash is trusted', async () => {
    const flip = (bytes: Uint8Array) => {
      bytes[levelAt(2).offset + 32]! ^= 1;
    };
    expect(await differenceAfter(flip)).toMatchObject({ kind: 'hash-block', level: 1, block: 1 });
  });

  it('names the hash block above a corrupted data block whose digest was forged to fit', async () => {
    const forge = (bytes: Uint8Array) => {
      bytes[40 * 512]! ^= 1;
      const salted = Buffer.concat([Buffer.from(fixture.salt, 'hex'), bytes.subarray(40 * 512, 41 * 512)]);
      bytes.set(createHash('sha256').update(salted).digest(), levelAt(0).offset + 40 * 32);
    };
    expect(await differenceAfter(forge, fixture.rootHash)).toMatchObject({ kind: 'hash-block', level: 0, block: 2 });
  });

  it('names the block whose padding is not zero, which no hash below the root hash tells', async () => {
    const packed = fixtureNamed('sha1-packed');
    const bytes = readImage(packed);
    const { levels } = layOutVerityTree(packed, treeOffsetOf(packed));
    expect(levels.map(({ blocks }) => blocks)).toEqual([4, 1]);
    bytes[levels[1]!.offset + 1000] = 1;
    const { storedTree } = await verifyImage(packed, bytes);
    expect(storedTree).toMatchObject({ firstDifference: { kind: 'hash-block', level: 1, block: 0 } });
  });

  it('is reported for every byte of the tree: nothing of it goes unread', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: levelAt(2).offset, max: layout.endOffset - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const difference = await differenceAfter((bytes) => {
            bytes[at]! ^= mask;
          }, fixture.rootHash);
          expect(difference).toMatchObject({ kind: 'hash-block' });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('verification refuses', () => {
  const fixture = fixtureNamed('no-superblock');
  const image = memorySource(readImage(fixture));
  const input = { parameters: fixture, data: image, hashes: image, treeOffset: fixture.hashOffset };

  it.each([
    ['a data area beyond its device', { parameters: { ...fixture, dataBlocks: 100_000 } }, 'verity.data-size'],
    ['a tree beyond its device', { hashes: memorySource(new Uint8Array(4096)) }, 'verity.hash-size'],
    ['a tree inside the data', { treeOffset: 4096 }, 'verity.overlap'],
    ['a tree that does not begin at a hash block', { treeOffset: fixture.hashOffset + 512 }, 'verity.hash-offset'],
    ['a negative offset', { treeOffset: -4096 }, 'verity.hash-offset'],
    ['an offset beyond any device', { treeOffset: 2 ** 53 }, 'verity.hash-offset'],
    ['more data blocks than memory is for', { parameters: { ...fixture, dataBlocks: 2 ** 40 } }, 'limit.verity-level'],
    ['no data blocks', { parameters: { ...fixture, dataBlocks: 0 } }, 'verity.data-blocks'],
    ['half a data block', { parameters: { ...fixture, dataBlocks: 1.5 } }, 'verity.data-blocks'],
    [
      'a block size that is no power of two',
      { parameters: { ...fixture, dataBlockSizeBytes: 3000 } },
      'verity.block-size',
    ],
    ['a block size of zero', { parameters: { ...fixture, hashBlockSizeBytes: 0 } }, 'verity.block-size'],
    ['a block size of 1 MiB', { parameters: { ...fixture, hashBlockSizeBytes: 1 << 20 } }, 'verity.block-size'],
    ['a salt that is not hexadecimal', { parameters: { ...fixture, salt: 'xyz0' } }, 'verity.salt'],
    ['a salt of 257 bytes', { parameters: { ...fixture, salt: '00'.repeat(257) } }, 'verity.salt'],
  ])('%s', async (_, change, code) => {
    await expect(verifyVerityTree({ ...input, ...change })).rejects.toMatchObject({ name: 'Fault', code });
  });

  it.each(['md5', 'crc32', 'whirlpool', '__proto__', 'constructor', ''])('the algorithm %j by name', async (name) => {
    const parameters = { ...fixture, algorithm: name as VerityParameters['algorithm'] };
    await expect(verifyVerityTree({ ...input, parameters })).rejects.toMatchObject({ code: 'verity.algorithm' });
  });

  it('before anything is hashed', async () => {
    const hashLeaves = () => Promise.reject(new Error('hashed'));
    const hashes = memorySource(new Uint8Array(4096));
    await expect(verifyVerityTree({ ...input, hashes, hashLeaves })).rejects.toBeInstanceOf(Fault);
  });
});
