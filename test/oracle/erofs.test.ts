import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault, type Source } from '../../pipeline/core/index.ts';
import { openErofs } from '../../pipeline/formats/erofs/index.ts';
import { type FileTree, type NodeKind, walk } from '../../pipeline/formats/file-tree/index.ts';

/** erofs-utils of Debian 12 (1.5) lacks fragments, deduplication and zstd: MKFS_EROFS may name a newer one. */
const mkfs = process.env['MKFS_EROFS'] ?? 'mkfs.erofs';
const missing = [
  ...[mkfs, 'getfattr', 'setfattr', 'mount', 'openssl'].filter((tool) => !succeeds('sh', ['-c', `command -v ${tool}`])),
  ...(process.getuid?.() === 0 ? [] : ['root']),
];

function succeeds(command: string, options: readonly string[]): boolean {
  try {
    execFileSync(command, options, { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

const flavours: readonly string[][] = [
  [],
  ['-T0'],
  ['-Eforce-inode-extended'],
  ['-Enoinline_data'],
  ['--chunksize=4096'],
  ['--chunksize=65536'],
  ['-zlz4'],
  ['-zlz4hc,12', '-x1'],
  ['-zlz4', '-C65536'],
  ['-zlz4', '-Elegacy-compress'],
  ['-zlz4hc', '-C65536', '-Elegacy-compress'],
  ['-zlz4hc', '-Eztailpacking'],
  ['-zlz4hc', '-C65536', '-Eztailpacking'],
  ['-zlz4hc,12', '-C65536', '-Efragments,ztailpacking'],
  ['-zlz4hc,12', '-C1048576', '-Efragments,ztailpacking'],
  ['-zlz4hc', '-Efragments'],
  ['-zlz4hc', '-Eall-fragments'],
  ['-zlz4hc', '-Efragments,legacy-compress'],
  ['-zlz4hc', '-Ededupe'],
  ['-zlz4', '-C16384', '-Ededupe,all-fragments,ztailpacking'],
  ['-zzstd', '-C65536', '-Efragments,ztailpacking,dedupe'],
  ['-zdeflate', '-C65536', '-Efragments'],
  ['-zlz4hc:zstd', '-C65536'],
  ['-zlz4hc', '--xattr-prefix=user.long.'],
  ['-zlz4hc', '-Efragments', '--xattr-prefix=user.long.'],
  ['-Exattr-name-filter', '--root-xattr-isize=4000'],
  ['-b512', '-zlz4hc', '-Efragments'],
  ['-b1024', '-zlz4hc', '-C65536', '-Eall-fragments'],
];

describe.skipIf(missing.length > 0)(`erofs as ${mkfs} writes it (missing: ${missing.join(', ') || 'nothing'})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'nodeproof-erofs-'));
  const tree = join(folder, 'tree');
  const mount = join(folder, 'mount');
  beforeAll(() => {
    mkdirSync(mount);
    execFileSync('sh', ['-euc', fillScript, 'fill', tree, process.execPath]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.for(flavours.map((options) => ({ options, title: options.join(' ') || 'no options' })))(
    'shows what the kernel shows: $title',
    ({ options, title }, ctx) => {
      const image = join(folder, 'image');
      rmSync(image, { force: true });
      const made = succeeds(mkfs, ['-d0', ...options, image, tree]);
      expect(made || options.length > 0, 'a plain image can always be made').toBe(true);
      if (!made) ctx.skip(`${mkfs} does not know ${title}`);
      if (!succeeds('mount', ['-t', 'erofs', '-o', 'loop,ro', image, mount]))
        ctx.skip(`the kernel does not mount ${title}`);
      try {
        expect(withSource(image, (source) => treeLines(openErofs(source)))).toEqual(kernelLines(mount));
      } finally {
        execFileSync('umount', [mount]);
      }
    },
  );

  test('refuses lzma by name', (ctx) => {
    const image = join(folder, 'image');
    rmSync(image, { force: true });
    if (!succeeds(mkfs, ['-d0', '-zlzma', '-C65536', image, tree])) ctx.skip(`${mkfs} does not know lzma`);
    expect(() => withSource(image, (source) => treeLines(openErofs(source)))).toThrow(Fault);
    expect(() => withSource(image, (source) => treeLines(openErofs(source)))).toThrow(/lzma, which is not supported/);
  });
});

/** Every shape of file that the reader must know. $1 is the directory, $2 a large program. */
const fillScript = `
d=$1; mkdir -p "$d/usr/lib" "$d/many" "$d/deep/a/b" "$d/large-directory" "$d/empty-directory"; cd "$d"
noise() { openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv $1 -in /dev/zero 2>/dev/null | head -c $2 || true; }
: >empty; seq 1 60000 >numbers; cp numbers numbers-again; { echo shifted; seq 1 60000; } >numbers-shifted
noise 01 300000 >noise; { cat noise; seq 1 100; } >noise-and-more; { seq 1 9000; noise 02 50000; seq 1 9000; } >mixed
{ head -c 100000 /dev/zero; seq 1 5000; head -c 20000000 /dev/zero; echo end; } >zeros
head -c 8000000 "$2" >program; ln program program-again; chmod 4755 program
for n in 1 2 100 4096 4097 8191 8192 8193 65535 65536 65537; do
  seq 1 30000 >size-$n; truncate -s $n size-$n; noise 03 $n >noise-$n
done
i=0; while [ $i -lt 400 ]; do echo "file $i $(seq 1 $((i % 40)))" >many/f$i; : >large-directory/with-a-rather-long-name-$i; i=$((i+1)); done
ln -s ../many/f1 usr/link; ln -s "$(printf 'long/%.0s' $(seq 1 700))" long-link
mknod chr c 5 1; mknod blk b 259 70000; mkfifo fifo; chmod 1777 empty-directory; chown 70000:1234 numbers
touch -d '1965-05-05 00:00:00 UTC' size-1; touch -d '2100-01-01 UTC' size-2
for i in 1 2 3 4 5 6 7 8 9; do setfattr -n user.shared -v same many/f$i; setfattr -n trusted.number -v $i many/f$i; done
setfattr -n user.long.$(printf 'n%.0s' $(seq 1 200)) -v "$(printf 'v%.0s' $(seq 1 500))" numbers
setfattr -n user.empty deep; setfattr -h -n trusted.link -v yes long-link
touch '!bang' größe "$(printf 'n%.0s' $(seq 1 240))"
`;

function withSource<T>(path: string, use: (source: Source) => T): T {
  const file = openSync(path, 'r');
  try {
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = Buffer.alloc(length);
      if (readSync(file, bytes, 0, length, offset) !== length) throw new Error(`Cannot read ${length} at ${offset}`);
      return bytes;
    };
    return use({ name: path, sizeBytes: fstatSync(file).size, read });
  } finally {
    closeSync(file);
  }
}

function treeLines(tree: FileTree): string[] {
  const lines = [...walk(tree)].map(({ path, node }) => {
    const content =
      node.kind === 'file' ? hashOf(tree.chunks(node)) : node.kind === 'symlink' ? tree.target(node) : '-';
    const device = node.device === undefined ? '-' : `${node.device.major}:${node.device.minor}`;
    const xattrs = [...tree.xattrs(node)].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`);
    return line(path, node.kind, node, content, device, xattrs);
  });
  return lines.sort();
}

/** What system calls return of the mounted image. */
function kernelLines(mount: string): string[] {
  const xattrs = kernelXattrs(mount);
  const lines: string[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const name of readdirSync(mount + folder)) {
      const path = `${folder}/${name}`;
      const stat = lstatSync(mount + path);
      const kind = kindOf(stat);
      if (kind === 'directory') pending.push(path);
      const content =
        kind === 'file' ? hashOf([readFileSync(mount + path)]) : kind === 'symlink' ? readlinkSync(mount + path) : '-';
      const { rdev } = stat;
      const device = kind.endsWith('device')
        ? `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`
        : '-';
      const sizeBytes = kind === 'file' || kind === 'symlink' ? stat.size : 0;
      const { uid, gid } = stat;
      const modifiedAt = Math.floor(stat.mtimeMs / 1000);
      const node = { uid, gid, sizeBytes, modifiedAt, mode: stat.mode & 0o7777 };
      lines.push(line(path, kind, node, content, device, xattrs.get(path) ?? []));
    }
  }
  return lines.sort();
}

type Owned = Pick<FileTree['root'], 'mode' | 'uid' | 'gid' | 'sizeBytes' | 'modifiedAt'>;

function line(path: string, kind: NodeKind, node: Owned, content: string, device: string, xattrs: string[]): string {
  const { mode, uid, gid, sizeBytes, modifiedAt } = node;
  return [path, kind, mode.toString(8), uid, gid, sizeBytes, modifiedAt, content, device, ...xattrs.sort()].join(' ');
}

function kindOf(stat: ReturnType<typeof lstatSync>): NodeKind {
  if (stat === undefined) throw new Error('no such file');
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  if (stat.isFIFO()) return 'fifo';
  return stat.isSocket() ? 'socket' : 'file';
}

function hashOf(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** What getfattr says of every file, names in its octal escapes. */
function kernelXattrs(mount: string): Map<string, string[]> {
  const options = ['-R', '-h', '-P', '-d', '-e', 'hex', '-m', '-', '.'];
  const dump = execFileSync('getfattr', options, { cwd: mount, maxBuffer: 1 << 28 }).toString();
  const found = new Map<string, string[]>();
  let values: string[] = [];
  for (const text of dump.split('\n')) {
    if (text.startsWith('# file: ')) {
      values = [];
      found.set(`/${text.slice(8)}`, values);
    } else if (text !== '') values.push(text.includes('=') ? text.replace('=0x', '=') : `${text}=`);
  }
  return found;
}
