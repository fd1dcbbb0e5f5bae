import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Digest, memorySource } from '../../pipeline/core/index.ts';
import { openFat } from '../../pipeline/formats/fat/index.ts';
import { walk } from '../../pipeline/formats/file-tree/index.ts';

const missing = ['mkfs.vfat', 'mcopy', 'mdel'].filter((tool) => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return false;
  } catch {
    return true;
  }
});
// mtools reads file names in the locale's encoding.
const env = { ...process.env, LC_ALL: 'C.UTF-8' };
const folder = mkdtempSync(join(tmpdir(), 'nodeproof-fat-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bytes that do not compress or repeat, the same on every run. */
function noise(seed: number, length: number): Buffer {
  let state = seed;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

describe.skipIf(missing.length > 0)(`FAT as mtools writes it (missing: ${missing.join(', ') || 'nothing'})`, () => {
  test.for<[string, string, string]>([
    ['12', '2M', '4'],
    ['16', '32M', '4'],
    ['32', '64M', '1'],
    ['32', '300M', '8'],
  ])('FAT%s of %s has the same files', ([kind, size, clusterSectors]) => {
    const image = join(folder, `${kind}-${size}.img`);
    writeFileSync(image, '');
    truncateSync(image, Number.parseInt(size, 10) << 20);
    execFileSync('mkfs.vfat', ['-F', kind, '-s', clusterSectors, image], { stdio: 'ignore' });
    const put = (name: string, content: Uint8Array) => {
      writeFileSync(join(folder, 'content'), content);
      execFileSync('mcopy', ['-D', 'o', '-i', image, join(folder, 'content'), `::/${name}`], { env });
    };
    const wanted = new Map<string, string>();
    const names = [
      'UPPER.TXT',
      'lower.txt',
      'Mixed Name.config',
      'no extension',
      '.hidden',
      'ends.in.many.dots',
      'ä ö ü',
    ];
    execFileSync('mmd', ['-i', image, '::/deep', '::/deep/er']);
    for (const [index, name] of names.entries()) {
      const content = noise(index + 1, 997 * index * index);
      for (const place of [name, `deep/er/${name}`]) {
        put(`gap${index}`, noise(9, 3000));
        put(place, content);
        wanted.set(`/${place}`, Digest.of('sha256', content).hex);
      }
    }
    for (const index of names.keys()) execFileSync('mdel', ['-i', image, `::/gap${index}`]);
    const large = noise(77, 700_001);
    put('large', large);
    wanted.set('/large', Digest.of('sha256', large).hex);

    const tree = openFat(memorySource(readFileSync(image)));
    const found = new Map<string, string>();
    for (const { path, node } of walk(tree))
      if (node.kind === 'file') found.set(path, Digest.ofChunks('sha256', tree.chunks(node)).hex);
    expect(found).toEqual(wanted);
  });
});
