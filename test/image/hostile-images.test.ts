import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Hashing, inspectFile } from '../../pipeline/inspection/index.ts';
import { Digest, Fault, memorySource } from '../../pipeline/core/index.ts';
import { hashLeavesInline } from '../../pipeline/formats/verity/index.ts';
import { demo, readDemoImage } from '../support/demo-images.ts';

const hashing: Hashing = {
  hashLeaves: (data, plan, level) => hashLeavesInline(data, plan, level),
  digestSource: (source, algorithms) =>
    Promise.resolve(algorithms.map((algorithm) => Digest.of(algorithm, source.read(0, source.sizeBytes)))),
};

/** An inspection or a Fault that says where; anything else that is thrown is a bug. */
async function expectValueOrFault(bytes: Uint8Array): Promise<void> {
  try {
    const { kind } = await inspectFile(memorySource(bytes, 'hostile.raw'), hashing, { digests: [], certificate: null });
    expect(['node-image', 'sysext']).toContain(kind);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error.where).toContain('hostile.raw');
  }
}

type Mutation = { readonly changes: readonly (readonly [at: number, value: number])[]; readonly length: number | null };

/** Some bytes of a part changed, and perhaps the end cut off. A small value: the images it makes are large ones. */
function mutationsOf(image: Buffer, from: number, to: number) {
  const change = fc.tuple(fc.integer({ min: from, max: to - 1 }), fc.nat({ max: 255 }));
  return fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 8 }),
    length: fc.option(fc.nat({ max: image.length })),
  });
}

function mutate(image: Buffer, { changes, length }: Mutation): Buffer {
  const copy = Buffer.from(image);
  for (const [at, value] of changes) copy[at] = value;
  return length === null ? copy : copy.subarray(0, length);
}

const magics = [
  { offset: 0, bytes: 'hsqs' },
  { offset: 510, bytes: '\x55\xaa' },
  { offset: 512, bytes: 'EFI PART' },
  { offset: 1024, bytes: '\xe2\xe1\xf5\xe0' },
  { offset: 1080, bytes: '\x53\xef' },
  { offset: 65_600, bytes: '_BHRfS_M' },
];

describe('inspect of hostile bytes gives a value or a Fault', () => {
  it('for any bytes behind any magic', async () => {
    const any = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 4096 }),
      fc.subarray(magics),
      fc.integer({ min: 0, max: 80_000 }),
    );
    await fc.assert(
      fc.asyncProperty(any, async ([content, announced, length]) => {
        const image = Buffer.alloc(length, content);
        for (const { offset, bytes } of announced) if (offset < length) image.write(bytes, offset, 'latin1');
        await expectValueOrFault(image);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['a sysext of squashfs with bytes changed anywhere', 'shadow.raw', 0, 4096, 200],
    ['a DDI with bytes changed in its partition table', demo.falco, 512, 20 * 1024, 20],
    ['a DDI with bytes changed in the superblock of its data', demo.falco, 1024 * 1024, 1024 * 1024 + 16 * 1024, 15],
  ])('for %s', async (_, name, from, to, numRuns) => {
    const image = readDemoImage(name);
    await fc.assert(
      fc.asyncProperty(mutationsOf(image, from, to), (mutation) => expectValueOrFault(mutate(image, mutation))),
      { numRuns },
    );
  });
});
