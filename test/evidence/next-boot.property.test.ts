import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { collectNextBoot } from '../../pipeline/collection/index.ts';
import { Fault, memorySource } from '../../pipeline/core/index.ts';
import { buildNextIdentity, judgeNextBoot } from '../../pipeline/evidence/index.ts';
import { type MadeEntry, type MadeNode, openMadeNode } from './made-node.ts';
import {
  makeDisk,
  makeNextNode,
  makePartition,
  newVersion,
  nextImage,
  runningSlot,
  stagedSlot,
  withSelected,
} from './made-next-boot.ts';

let honest: MadeNode;

beforeAll(async () => {
  honest = withSelected(await makeNextNode(runningSlot, stagedSlot), newVersion);
});

/** Looks at a node as a verification does. Anything that is thrown but a Fault fails the test. */
async function lookAt(node: MadeNode): Promise<readonly string[]> {
  try {
    const next = await collectNextBoot(openMadeNode(node));
    const own = buildNextIdentity(next);
    const { findings } = judgeNextBoot(next, { usrVerity: 'required', sysextVerity: true }, null);
    return [...('findings' in own ? own.findings : []), ...findings].map(({ code }) => code);
  } catch (error) {
    if (error instanceof Fault) return [error.code];
    throw error;
  }
}

const attributes = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 });

/** Bytes with some of them others; the places wrap around. */
function edit(bytes: Buffer, changes: readonly (readonly [number, number])[], within = bytes.byteLength): Buffer {
  const changed = Buffer.from(bytes);
  for (const [at, byte] of changes) changed[at % within] = byte;
  return changed;
}

describe('A next boot is told, or there is a fault,', () => {
  test('whatever the attributes of the slots are', async () => {
    await fc.assert(
      fc.asyncProperty(attributes, attributes, async (a, b) => {
        await lookAt({ ...honest, '/dev/block/8:0': makeDisk({ a, b }) });
      }),
      { numRuns: 40 },
    );
  });

  test('whatever is written into the partition table', async () => {
    const disk = honest['/dev/block/8:0'] as Buffer;
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        await lookAt({ ...honest, '/dev/block/8:0': edit(disk, changes, 2048) });
      }),
      { numRuns: 60 },
    );
  });

  test('whatever is written into the slot: no byte that verity covers is changed unseen', async () => {
    const image = nextImage(stagedSlot.image);
    const { bytes } = await makePartition(image);
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const changed = edit(bytes, changes, image.byteLength);
        if (changed.equals(bytes)) return;
        expect(await lookAt({ ...honest, '/dev/block/8:4': changed })).not.toEqual([]);
      }),
      { numRuns: 120 },
    );
  });

  test('whatever any of its files is', async () => {
    const entry = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom<MadeEntry>(
        { kind: 'directory' },
        { kind: 'block-device' },
        { link: '/' },
        { link: '/usr/share/oem/sysext' },
        { link: '../../../usr' },
        { fault: new Fault('file.read', 'Cannot read: EIO') },
        Buffer.alloc(70_000, 'x '),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(honest)), entry, async (path, what) => {
        await lookAt({ ...honest, [path]: what });
      }),
      { numRuns: 150 },
    );
  });

  test('where the slot shrinks while it is read', async () => {
    const world = openMadeNode(honest);
    const shrinking = {
      ...world,
      openSource: (path: string) => {
        const source = world.openSource(path);
        if (path !== '/dev/block/8:4') return source;
        const left = memorySource(source.read(0, nextImage(stagedSlot.image).byteLength), path);
        const read = (offset: number, length: number) => {
          if (offset + length <= left.sizeBytes) return left.read(offset, length);
          throw new Fault('file.read', `Cannot read ${path}: it ends there`);
        };
        return { ...source, read };
      },
    };
    const next = await collectNextBoot(shrinking);
    const { findings } = judgeNextBoot(next, { usrVerity: 'required', sysextVerity: false }, null);
    expect(findings.map(({ code, reason }) => `${code} ${reason}`)).toContain('evidence.unread unavailable');
    expect('findings' in buildNextIdentity(next)).toBe(true);
  });
});
