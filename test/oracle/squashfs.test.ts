import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeFileName } from '../../pipeline/core/index.ts';
import { openFileSource } from '../../pipeline/edge/files/index.ts';
import { openSquashfs } from '../../pipeline/formats/squashfs/index.ts';
import { describeTree } from '../formats/squashfs/images.ts';

/** What mksquashfs is told, one image each. */
const recipes: readonly string[] = [
  '-comp gzip',
  '-comp gzip -Xcompression-level 1 -Xwindow-size 8 -b 4K',
  '-comp gzip -Xstrategy huffman_only,fixed',
  '-comp gzip -no-fragments -no-exports',
  '-comp gzip -always-use-fragments -b 1M',
  '-comp gzip -noI -noId',
  '-comp gzip -noD -noF',
  '-comp gzip -noX -no-duplicates',
  '-comp gzip -noI -noD -noF -noX',
  '-comp gzip -no-xattrs -all-root',
  '-comp gzip -no-sparse -nopad',
  '-comp gzip -no-tailends -b 16K',
  '-comp zstd -b 512K',
  '-comp zstd -Xcompression-level 22 -b 4K',
  '-comp zstd -Xcompression-level 1 -b 1M',
  '-comp zstd -b 64K -force-uid 4000000000 -force-gid 7',
  '-comp lz4',
  '-comp lz4 -Xhc -b 4K',
  '-comp lz4 -b 1M -always-use-fragments',
  '-comp lzo',
  '-comp lzo -Xalgorithm lzo1x_1 -b 1M',
  '-comp xz',
  '-comp xz -Xbcj x86',
  '-comp xz -b 1M -Xdict-size 100% -Xbcj x86',
  '-comp xz -b 16K -Xdict-size 8K',
];

const missing = missingTools();
if (missing !== null) console.warn(`Skipped: the squashfs oracle wants ${missing}`);

function missingTools(): string | null {
  if (process.getuid?.() !== 0) return 'root, for loop mounts and devices';
  const absent = ['mksquashfs', 'setfattr', 'getfattr', 'mount'].filter(
    (tool) => spawnSync('which', [tool]).status !== 0,
  );
  return absent.length === 0 ? null : absent.join(', ');
}

describe.skipIf(missing !== null)('a squashfs image made by mksquashfs', () => {
  let work = '';
  let mountPoint = '';

  beforeAll(() => {
    work = fs.mkdtempSync(join(tmpdir(), 'squashfs-oracle-'));
    mountPoint = join(work, 'mount');
    fs.mkdirSync(mountPoint);
    makeSourceTree(join(work, 'source'));
    fs.writeFileSync(
      join(work, 'pseudo'),
      'dev d 755 0 0\ndev/null c 666 0 0 1 3\ndev/disk b 660 0 6 259 1048575\ndev/fifo i 644 0 0 f\ndev/socket i 700 1 2 s\n',
    );
  });

  afterAll(() => {
    fs.rmSync(work, { recursive: true, force: true });
  });

  test.each(recipes)('with %s shows the tree that Linux shows', (recipe) => {
    const image = join(work, 'image.squashfs');
    const options = [...recipe.split(' '), '-pf', join(work, 'pseudo'), '-noappend', '-quiet', '-no-progress'];
    execFileSync('mksquashfs', [join(work, 'source'), image, ...options], { stdio: 'pipe' });
    const seen = describeImage(image);
    const sizeBytes = fs.statSync(image).size;
    // A loop device has whole sectors, and Linux reads whole blocks.
    fs.truncateSync(image, Math.ceil(sizeBytes / 4096) * 4096);
    execFileSync('mount', ['-o', 'loop,ro', '-t', 'squashfs', image, mountPoint]);
    try {
      expect(seen).toEqual(describeMount(mountPoint));
    } finally {
      execFileSync('umount', [mountPoint]);
    }
  });

  test('of an empty directory shows nothing', () => {
    const empty = join(work, 'empty');
    const image = join(work, 'empty.squashfs');
    fs.mkdirSync(empty);
    execFileSync('mksquashfs', [empty, image, '-noappend', '-quiet', '-no-progress'], { stdio: 'pipe' });
    expect(Object.keys(describeImage(image) as object)).toEqual(['/']);
  });

  test('that something was appended to shows both', () => {
    const image = join(work, 'appended.squashfs');
    const [first, second] = ['first', 'second'].map((name) => {
      fs.mkdirSync(join(work, name));
      fs.writeFileSync(join(work, name, `${name}-file`), name);
      return join(work, name);
    }) as [string, string];
    execFileSync('mksquashfs', [first, image, '-quiet', '-no-progress'], { stdio: 'pipe' });
    execFileSync('mksquashfs', [second, image, '-quiet', '-no-progress', '-keep-as-directory'], { stdio: 'pipe' });
    expect(Object.keys(describeImage(image) as object)).toEqual(['/', '/first-file', '/second', '/second/second-file']);
  });
});

function makeSourceTree(root: string): void {
  const write = (path: string, content: string | Uint8Array) => {
    fs.mkdirSync(join(root, path, '..'), { recursive: true });
    fs.writeFileSync(join(root, path), content);
  };
  // Numbers that look random and are the same in every run.
  const noise = (length: number) => Uint8Array.from({ length }, (_, at) => Math.imul(at * at + 7, 0x9e37_79b1) >>> 24);
  const text = Array.from({ length: 40_000 }, (_, at) => `line ${at * at}`).join('\n');
  for (const size of [0, 1, 4095, 4096, 4097, 8192, 131_071, 131_072, 131_073, 524_288, 1_048_576, 2_500_000]) {
    write(`sizes/text-${size}`, text.repeat(5).slice(0, size));
    write(`sizes/noise-${size}`, noise(size));
  }
  for (const name of ['tar', 'openssl'])
    if (fs.existsSync(`/usr/bin/${name}`)) write(`programs/${name}`, fs.readFileSync(`/usr/bin/${name}`));
  for (let n = 0; n < 1500; n++) write(`many/${n}-${'x'.repeat(n % 200)}`, n % 7 === 0 ? `content ${n}` : '');
  for (let n = 0; n < 40; n++) write(`${'deep/'.repeat(n)}leaf-${n}`, `leaf ${n}`);
  write(`names/${'n'.repeat(255)}`, 'long name');
  write('names/grüße', 'umlauts');
  fs.writeFileSync(Buffer.concat([Buffer.from(join(root, 'names/foreign-')), Buffer.from([0xff, 0xc3])]), 'bytes');
  fs.mkdirSync(join(root, 'empty-directory'), { mode: 0o1777 });

  const sparse = fs.openSync(join(root, 'sizes/sparse'), 'w');
  fs.writeSync(sparse, 'start', 0);
  fs.writeSync(sparse, 'middle', 3_000_000);
  fs.ftruncateSync(sparse, 5_000_001);
  fs.closeSync(sparse);
  write('sizes/hole', '');
  fs.truncateSync(join(root, 'sizes/hole'), 2 * 1_048_576);

  fs.linkSync(join(root, 'names/grüße'), join(root, 'names/hard-link'));
  fs.linkSync(join(root, 'names/grüße'), join(root, 'many/hard-link'));
  fs.symlinkSync('grüße', join(root, 'names/symlink'));
  fs.symlinkSync('long/'.repeat(200), join(root, 'names/long-symlink'));
  fs.chmodSync(join(root, 'many/1-x'), 0o4755);
  fs.lchownSync(join(root, 'names/symlink'), 65_534, 12_345);
  fs.lchownSync(join(root, 'many/2-xx'), 1000, 1001);

  const attribute = (path: string, name: string, value: string) =>
    execFileSync('setfattr', ['-h', '-n', name, '-v', value, join(root, path)]);
  attribute('many/1-x', 'user.extension-release.strict', 'true');
  attribute('empty-directory', 'trusted.overlay.opaque', 'y');
  attribute('names/symlink', 'trusted.of-symlink', 'y');
  attribute('many/2-xx', 'security.capability', '0x0100000200040000000000000000000000000000');
  for (let n = 10; n < 60; n++) {
    attribute(`many/${n}-${'x'.repeat(n)}`, 'user.shared', 'shared value '.repeat(100));
    attribute(`many/${n}-${'x'.repeat(n)}`, `user.own-${n}`, `value ${n}`);
  }
}

/** The whole tree of an image file, as this reader sees it. */
function describeImage(path: string): unknown {
  using source = openFileSource(path);
  return describeTree(openSquashfs(source));
}

/** What Linux shows, in the form of describeTree. */
function describeMount(root: string): unknown {
  const xattrs = readXattrs(root);
  const firstPaths = new Map<number, string>();
  const nodes: [string, unknown][] = [];
  const visit = (raw: Buffer, path: string) => {
    const stat = fs.lstatSync(raw);
    const kind = kindOf(stat);
    const first = firstPaths.get(stat.ino) ?? path;
    firstPaths.set(stat.ino, first);
    const attributes = xattrs.get(raw.toString('latin1'));
    nodes.push([
      path === '' ? '/' : path,
      {
        kind,
        mode: (stat.mode & 0o7777).toString(8).padStart(4, '0'),
        owner: `${stat.uid}:${stat.gid}`,
        ...(kind === 'file' && {
          sha256: createHash('sha256').update(fs.readFileSync(raw)).digest('hex'),
          sizeBytes: stat.size,
          ...(first !== path && { linkOf: first }),
        }),
        ...(kind === 'symlink' && { target: decodeFileName(fs.readlinkSync(raw, { encoding: 'buffer' })) }),
        ...(kind.endsWith('device') && {
          device: `${((stat.rdev >>> 8) & 0xfff) >>> 0}:${(stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00)}`,
        }),
        ...(attributes !== undefined && { xattrs: attributes }),
      },
    ]);
    if (kind !== 'directory') return;
    const names = fs.readdirSync(raw, { encoding: 'buffer' }).map((name) => ({ name, text: decodeFileName(name) }));
    names.sort((a, b) => (a.text < b.text ? -1 : 1));
    for (const { name, text } of names) visit(Buffer.concat([raw, Buffer.from('/'), name]), `${path}/${text}`);
  };
  visit(Buffer.from(root), '');
  return Object.fromEntries(nodes);
}

function kindOf(stat: fs.Stats): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  return stat.isFIFO() ? 'fifo' : 'socket';
}

/** Attributes by path (one character a byte), from getfattr's dump. */
function readXattrs(root: string): Map<string, Record<string, string>> {
  // It fails for an image without an xattr table, and then says nothing.
  const options = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names'];
  const dump = spawnSync('getfattr', [...options, root], { encoding: 'latin1', maxBuffer: 1 << 26 }).stdout;
  const found = new Map<string, Record<string, string>>();
  for (const block of dump.split('\n\n').filter((block) => block.startsWith('# file: '))) {
    const [head, ...lines] = block.split('\n') as [string, ...string[]];
    const path = head
      .slice('# file: '.length)
      .replaceAll(/\\(\d{3})/g, (_match, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const pairs = lines.filter((line) => line.includes('=')).map((line) => line.split('=0x') as [string, string]);
    found.set(path, Object.fromEntries(pairs));
  }
  return found;
}
