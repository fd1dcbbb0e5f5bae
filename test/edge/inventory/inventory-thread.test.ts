import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileSource } from '../../../pipeline/edge/files/index.ts';
import { inventoryHelper } from '../../../pipeline/edge/inventory/index.ts';
import { locateTree, readSysext } from '../../../pipeline/image/index.ts';
import { collectInventory, collectInventoryShared, listContent } from '../../../pipeline/inventory/index.ts';
import { hashLeavesInline } from '../../../pipeline/formats/verity/index.ts';
import { buildMemoryTree } from '../../support/memory-tree.ts';

const image = new URL('../../../samples/demo/images/falco.raw.zst', import.meta.url);
let directory: string;
let path: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'inventory-thread-'));
  path = join(directory, 'falco.raw');
  writeFileSync(path, zstdDecompressSync(readFileSync(image)));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('an inventory thread', () => {
  it('examines the very tree, a partition of a disk image too', async () => {
    using source = openFileSource(path);
    const { tree } = await readSysext(source, hashLeavesInline);
    const counter = new Int32Array(new SharedArrayBuffer(4));
    const findings = await inventoryHelper(0).help(tree, '', counter);
    const { work } = listContent(tree, '');
    const expected = collectInventory(tree, { mount: '' });
    expect(findings?.size).toBe(work.length);
    expect([...(findings?.values() ?? [])].map((found) => found.sha256.hex).sort()).toEqual(
      expected.files.map((file) => file.sha256.hex).sort(),
    );
    expect(
      [...(findings?.values() ?? [])].flatMap((found) => found.components.map((component) => component.name)),
    ).toContain('github.com/google/uuid');
  });

  it('has nothing to open for a tree in memory', () => {
    expect(
      inventoryHelper(0).help(buildMemoryTree({ '/a': 'a' }), '', new Int32Array(new SharedArrayBuffer(4))),
    ).toBeUndefined();
  });

  it('answers with nothing where the file is gone, and does not fail', async () => {
    const gone = join(directory, 'gone.raw');
    writeFileSync(gone, readFileSync(path));
    using source = openFileSource(gone);
    const { tree } = await readSysext(source, hashLeavesInline);
    expect(locateTree(tree)).toBeDefined();
    rmSync(gone);
    source[Symbol.dispose]();
    expect((await inventoryHelper(0).help(tree, '', new Int32Array(new SharedArrayBuffer(4))))?.size ?? 0).toBe(0);
  });
});

describe('a shared inventory', () => {
  const large = { '/usr/a': Buffer.alloc(70 << 20, 1), '/usr/b': 'b', '/usr/c': 'c' };

  it('is the same as one that nobody shared', async () => {
    const tree = buildMemoryTree(large);
    expect(await collectInventoryShared(tree, { mount: '' }, { help: () => undefined })).toEqual(
      collectInventory(tree, { mount: '' }),
    );
  });

  it('does itself what the helper took and did not finish', async () => {
    const tree = buildMemoryTree(large);
    const helper = {
      help: (_: unknown, __: unknown, counter: Int32Array) => {
        Atomics.add(counter, 0, 1000);
        return Promise.resolve(new Map());
      },
    };
    expect(await collectInventoryShared(tree, { mount: '' }, helper)).toEqual(collectInventory(tree, { mount: '' }));
  });

  it('asks nobody for a small tree', async () => {
    const helper = { help: () => Promise.reject(new Error('asked')) };
    await expect(
      collectInventoryShared(buildMemoryTree({ '/usr/b': 'b' }), { mount: '' }, helper),
    ).resolves.toMatchObject({ files: [{ path: '/usr/b' }] });
  });
});
