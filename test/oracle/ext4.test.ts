import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Digest, memorySource } from '../../pipeline/core/index.ts';
import { openExt4 } from '../../pipeline/formats/ext4/index.ts';
import { type FileTree, resolve, type TreeNode, walk } from '../../pipeline/formats/file-tree/index.ts';

const tools = ['mke2fs', 'e2fsck', 'debugfs', 'mount', 'setfattr', 'getfattr'];
const missing = tools.filter((tool) => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return false;
  } catch {
    return true;
  }
});
const loops = missing.length === 0 && process.getuid?.() === 0;
const reason = loops ? 'nothing' : [...missing, ...(process.getuid?.() === 0 ? [] : ['root'])].join(', ');

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-ext4-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const content = `
set -eu
mkdir -p "$1/usr/lib/extension-release.d" "$1/large" "$1/a/b/c/d/e/f" "$1/small"
seq 1 300000 > "$1/usr/large"
printf 'ID=_any\\n' > "$1/usr/lib/extension-release.d/extension-release.x"
setfattr -n user.extension-release.strict -v 0 "$1/usr/lib/extension-release.d/extension-release.x"
setfattr -n user.one -v "$(seq -s , 1 60)" "$1/usr/large"
setfattr -n trusted.two -v 2 "$1/usr/large"
setfattr -n security.three -v "$(seq -s , 1 100)" "$1/usr/large"
for i in $(seq 1 3000); do : > "$1/large/entry number $i with some more characters in its name"; done
for i in $(seq 0 10 200) 4000; do head -c "$i" /dev/urandom > "$1/small/$i"; done
for i in $(seq 0 3 1200); do head -c 4096 /dev/urandom | dd of="$1/islands" bs=4096 seek="$i" conv=notrunc status=none; done
truncate -s 200M "$1/hole"
head -c 100000 /dev/urandom | dd of="$1/hole" bs=1M seek=150 conv=notrunc status=none
for i in 10 59 60 61 155 1023; do ln -s "$(head -c "$i" /dev/zero | tr '\\0' x)" "$1/small/link$i"; done
ln "$1/usr/large" "$1/a/b/hard-link"
mknod "$1/a/old" c 5 1
mknod "$1/a/new" b 300 70000
mkfifo "$1/a/fifo"
chmod 2775 "$1/a"
chown 123456:654321 "$1/a/b"
touch -h -d '2040-02-03 04:05:06' "$1/a/old"
touch -d '1960-02-03' "$1/a/new"
`;

const variants: Readonly<Record<string, readonly string[]>> = {
  'ext4 as Debian makes it': ['-t', 'ext4', '-b', '4096'],
  'ext4 with blocks of 1 KiB and inline content': ['-t', 'ext4', '-b', '1024', '-O', 'inline_data'],
  'ext4 with blocks of 2 KiB and large inodes': ['-t', 'ext4', '-b', '2048', '-I', '1024', '-O', 'inline_data'],
  'ext4 with descriptors near their groups': ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode'],
  'ext4 without checksums and 32 bits': ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum,^64bit'],
  'ext4 with clusters': ['-t', 'ext4', '-b', '4096', '-C', '65536', '-O', 'bigalloc'],
  'ext4 with two backups and small groups': [
    '-t',
    'ext4',
    '-b',
    '1024',
    '-g',
    '1024',
    '-O',
    'sparse_super2,^resize_inode',
  ],
  ext3: ['-t', 'ext3', '-b', '4096'],
  'ext2 with blocks of 1 KiB': ['-t', 'ext2', '-b', '1024', '-I', '128'],
};

/** One line for each entry, as the kernel shows it. */
function* mountedLines(mountPoint: string, path = ''): Generator<string> {
  for (const entry of readdirSync(`${mountPoint}${path}`)) {
    const at = `${path}/${entry}`;
    const stat = lstatSync(mountPoint + at);
    const kind = stat.mode & 0o170000;
    const size = kind === 0o100000 || kind === 0o120000 ? stat.size : 0;
    const content =
      kind === 0o100000
        ? Digest.of('sha256', readFileSync(mountPoint + at)).hex
        : kind === 0o120000
          ? readlinkSync(mountPoint + at)
          : '';
    // new_decode_dev() of the kernel's linux/kdev_t.h.
    const device = `${(stat.rdev >>> 8) & 0xfff}:${(stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00)}`;
    const seconds = Math.floor(stat.mtimeMs / 1000);
    yield [at, stat.mode.toString(8), stat.uid, stat.gid, size, seconds, stat.ino, device, content].join(' ');
    if (kind === 0o040000) yield* mountedLines(mountPoint, at);
  }
}

const types = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  'character-device': 0o020000,
  'block-device': 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
} satisfies Record<TreeNode['kind'], number>;

function* treeLines(tree: FileTree): Generator<string> {
  for (const { path, node } of walk(tree)) {
    const content =
      node.kind === 'file'
        ? Digest.ofChunks('sha256', tree.chunks(node)).hex
        : node.kind === 'symlink'
          ? tree.target(node)
          : '';
    const mode = (types[node.kind] | node.mode).toString(8);
    const device = `${node.device?.major ?? 0}:${node.device?.minor ?? 0}`;
    yield [path, mode, node.uid, node.gid, node.sizeBytes, node.modifiedAt, node.id, device, content].join(' ');
  }
}

describe.skipIf(!loops)(`ext4 as the kernel reads it (missing: ${reason})`, () => {
  test.for(Object.entries(variants))('%s', ([name, options]) => {
    const at = (file: string) => join(folder, `${name.replaceAll(' ', '-')}.${file}`);
    const [root, image, mountPoint] = [at('root'), at('img'), at('mount')] as const;
    mkdirSync(root);
    mkdirSync(mountPoint);
    execFileSync('sh', ['-c', content, 'sh', root]);
    execFileSync('mke2fs', ['-q', ...options, '-N', '8192', '-d', root, image, '64M'], { stdio: 'pipe' });
    try {
      execFileSync('e2fsck', ['-fyD', image], { stdio: 'pipe' });
    } catch (error) {
      if ((error as { status?: number }).status !== 1) throw error; // 1: directories were indexed
    }
    execFileSync('mount', ['-o', 'loop,ro', image, mountPoint]);
    try {
      const tree = openExt4(memorySource(readFileSync(image)));
      const found = new Set(treeLines(tree));
      const wanted = new Set(mountedLines(mountPoint));
      expect(found.size).toBeGreaterThan(3000);
      // Compared apart, as a printed difference of thousands of lines takes minutes.
      expect([...found].filter((line) => !wanted.has(line))).toEqual([]);
      expect([...wanted].filter((line) => !found.has(line))).toEqual([]);
      for (const path of ['/usr/large', '/usr/lib/extension-release.d/extension-release.x', '/a/old']) {
        const node = resolve(tree, path);
        const wanted = execFileSync('getfattr', ['-d', '-m', '-', '-e', 'hex', mountPoint + path], { stdio: 'pipe' });
        const found = [...tree.xattrs(node!)].map(([key, value]) => `${key}=0x${Buffer.from(value).toString('hex')}`);
        const lines = wanted
          .toString()
          .split('\n')
          .filter((line) => line.includes('='));
        expect(found.sort((a, b) => (a < b ? -1 : 1))).toEqual(lines.sort((a, b) => (a < b ? -1 : 1)));
      }
    } finally {
      execFileSync('umount', [mountPoint]);
      rmSync(root, { recursive: true });
      rmSync(image);
    }
  });
});
