import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkRange, Digest, type Source } from '../../pipeline/core/index.ts';
import { type Btrfs, openBtrfs } from '../../pipeline/formats/btrfs/index.ts';
import { crc32c } from '../../pipeline/formats/crc32c/index.ts';
import { walk } from '../../pipeline/formats/file-tree/index.ts';

const tools = ['mkfs.btrfs', 'btrfs', 'mount', 'setfattr', 'getfattr', 'fallocate'];
const missing = tools.filter((tool) => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return false;
  } catch {
    return true;
  }
});
if (process.getuid?.() !== 0) missing.push('root');
const reason = missing.join(', ');

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-btrfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const content = `
set -eu
mkdir -p "$1/lib/a/b/c/d/e" "$1/small" "$1/large"
seq 1 400000 > "$1/lib/numbers"
head -c 3000000 /dev/urandom > "$1/lib/random"
for i in $(seq 1 2000); do : > "$1/large/entry number $i with some more characters in its name"; done
for i in $(seq 0 25 400) 2047 2048 2049 3000 4095 4096 4097 131071 131072 131073; do
  head -c "$i" /dev/urandom > "$1/small/random-$i"; head -c "$i" /dev/zero | tr '\\0' x > "$1/small/same-$i"
done
sync -f "$1"
for i in $(seq 0 7 90); do head -c 5000 /dev/urandom | dd of="$1/lib/numbers" bs=4096 seek="$i" conv=notrunc status=none; sync -f "$1"; done
cp --reflink=always "$1/lib/numbers" "$1/lib/numbers-shared"
printf 'changed' | dd of="$1/lib/numbers-shared" bs=1 seek=777777 conv=notrunc status=none
truncate -s 40M "$1/hole"
head -c 10000 /dev/urandom | dd of="$1/hole" bs=1M seek=20 conv=notrunc status=none
fallocate -l 300000 "$1/preallocated"
printf 'middle' | dd of="$1/preallocated" bs=4096 seek=9 conv=notrunc status=none
fallocate -p -o 20000 -l 30000 "$1/lib/random"
touch "$1/unsummed"; chattr +C "$1/unsummed"; head -c 200000 /dev/urandom > "$1/unsummed"
for i in 1 59 255 1023 3900; do ln -s "$(head -c "$i" /dev/zero | tr '\\0' x)" "$1/small/link$i"; done
ln "$1/lib/numbers" "$1/lib/a/hard-link"
for i in $(seq 1 40); do setfattr -n "user.attribute$i" -v "value $i $(seq -s , 1 "$i")" "$1/lib/a"; done
setfattr -n security.three -v 3 "$1/lib/random"
mknod "$1/lib/a/old" c 5 1
mknod "$1/lib/a/new" b 300 70000
mkfifo "$1/lib/a/fifo"
chmod 6775 "$1/lib/a/b"
chown 123456:654321 "$1/lib/a/b"
touch -h -d '2040-02-03 04:05:06' "$1/lib/a/old"
touch -d '1960-02-03' "$1/lib/a/new"
sync -f "$1"
`;

type Variant = { readonly make: readonly string[]; readonly mount: string; readonly finish?: string };

const variants: Readonly<Record<string, Variant>> = {
  'Flatcar’s layout': {
    make: ['--mixed', '-m', 'single', '-d', 'single', '--byte-count', '402653184'],
    mount: 'compress-force=zstd',
    finish: 'btrfs property set "$1" ro true',
  },
  'the default layout': { make: [], mount: 'noatime' },
  'the default layout with zstd at level 15': { make: [], mount: 'compress=zstd:15' },
  'nodes of 64 KiB with zlib': { make: ['-n', '65536'], mount: 'compress-force=zlib' },
  'duplicated data with lzo': { make: ['-m', 'dup', '-d', 'dup'], mount: 'compress-force=lzo' },
  'holes kept as extents, SHA-256': { make: ['-O', '^no-holes', '--csum', 'sha256'], mount: 'compress=lzo' },
  'no free space tree and no inline content': { make: ['-R', '^free-space-tree'], mount: 'max_inline=0' },
  'a default subvolume that is a snapshot with another in it': {
    make: [],
    mount: 'compress=zstd',
    finish: `btrfs -q subvolume snapshot "$1" "$1/snapshot" && btrfs -q subvolume create "$1/snapshot/inner" &&
      seq 1 99 > "$1/snapshot/inner/file" && btrfs -q subvolume snapshot -r "$1/snapshot/inner" "$1/snapshot/kept" && btrfs subvolume set-default "$1/snapshot"`,
  },
};

function fileSource(path: string, descriptor: number): Source {
  const source = {
    name: path,
    sizeBytes: statSync(path).size,
    read(offset: number, length: number): Uint8Array {
      checkRange(source, offset, length);
      const bytes = Buffer.allocUnsafeSlow(length);
      readSync(descriptor, bytes, 0, length, offset);
      return bytes;
    },
  };
  return source;
}

/** Two names with the same hash: their directory entries share an item. */
function collidingNames(): [string, string] {
  const seen = new Map<number, string>();
  for (let i = 0; ; i++) {
    const name = `collision-${i}`;
    const hash = crc32c(Buffer.from(name), 1);
    const other = seen.get(hash);
    if (other !== undefined) return [other, name];
    seen.set(hash, name);
  }
}

/** One line for each entry, as the kernel shows it. */
function* mountedLines(mountPoint: string, path = ''): Generator<string> {
  for (const name of readdirSync(`${mountPoint}${path}`)) {
    const at = `${path}/${name}`;
    const stat = lstatSync(mountPoint + at);
    const kind = stat.mode & 0o170000;
    const size = kind === 0o100000 || kind === 0o120000 ? stat.size : 0;
    const content =
      kind === 0o100000
        ? hash('sha256', readFileSync(mountPoint + at), 'hex')
        : kind === 0o120000
          ? readlinkSync(mountPoint + at)
          : '';
    const device = kind === 0o020000 || kind === 0o060000 ? stat.rdev : 0;
    yield `${at} ${stat.mode.toString(8)} ${stat.uid} ${stat.gid} ${size} ${Math.floor(stat.mtimeMs / 1000)} ${device} ${content}`;
    if (kind === 0o040000) yield* mountedLines(mountPoint, at);
  }
}

const kindBits = {
  fifo: 0o010000,
  'character-device': 0o020000,
  directory: 0o040000,
  'block-device': 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};

function* ownLines(tree: Btrfs): Generator<string> {
  for (const { path, node } of walk(tree)) {
    const content =
      node.kind === 'file'
        ? Digest.ofChunks('sha256', tree.chunks(node)).hex
        : node.kind === 'symlink'
          ? tree.target(node)
          : '';
    const { major = 0, minor = 0 } = node.device ?? {};
    // makedev(3) of glibc.
    const device = (major & 0xfff) * 256 + (minor & 0xff) + Math.floor(minor / 256) * 1_048_576;
    yield `${path} ${(kindBits[node.kind] | node.mode).toString(8)} ${node.uid} ${node.gid} ${node.sizeBytes} ${node.modifiedAt} ${device} ${content}`;
  }
}

function* ownXattrs(tree: Btrfs): Generator<string> {
  for (const { path, node } of walk(tree)) {
    for (const [name, value] of tree.xattrs(node)) yield `${path} ${name}=${Buffer.from(value).toString('hex')}`;
  }
}

function* mountedXattrs(mountPoint: string): Generator<string> {
  const text = execFileSync(
    'getfattr',
    ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', mountPoint],
    {
      maxBuffer: 1e8,
    },
  ).toString();
  let path = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) path = line.slice(8 + mountPoint.length);
    else if (line !== '' && path !== '') yield `${path} ${line.replace('=0x', '=')}`;
  }
}

describe.skipIf(missing.length > 0)(`btrfs as the kernel shows it (missing: ${reason || 'nothing'})`, () => {
  test.each(Object.entries(variants))('%s', (name, { make, mount, finish }) => {
    const image = join(folder, 'image');
    const mountPoint = join(folder, 'mount');
    mkdirSync(mountPoint, { recursive: true });
    rmSync(image, { force: true });
    execFileSync('truncate', ['-s', '400M', image]);
    execFileSync('mkfs.btrfs', ['-q', ...make, image], { stdio: 'pipe' });
    execFileSync('mount', ['-o', `loop,${mount}`, image, mountPoint]);
    try {
      execFileSync('sh', ['-c', content, 'sh', mountPoint], { stdio: 'pipe' });
      for (const colliding of collidingNames())
        execFileSync('sh', ['-c', 'echo "$1" > "$1"', 'sh', join(mountPoint, colliding)]);
      if (finish !== undefined) execFileSync('sh', ['-c', finish, 'sh', mountPoint], { stdio: 'pipe' });
    } finally {
      execFileSync('umount', [mountPoint]);
    }
    // Mounted again without options: what is on the disk, in the subvolume that is the default now.
    execFileSync('mount', ['-o', 'loop,ro', image, mountPoint]);
    const descriptor = openSync(image, 'r');
    try {
      const tree = openBtrfs(fileSource(image, descriptor));
      const lines = [...ownLines(tree)].sort();
      expect(lines).toEqual([...mountedLines(mountPoint)].sort());
      expect(lines.length).toBeGreaterThan(2000);
      const withoutRoot = (line: string): boolean => !line.startsWith(' ');
      expect([...ownXattrs(tree)].sort()).toEqual([...mountedXattrs(mountPoint)].filter(withoutRoot).sort());
      expect(tree.subvolume.readOnly).toBe(name === 'Flatcar’s layout');
    } finally {
      closeSync(descriptor);
      execFileSync('umount', [mountPoint]);
    }
  });

  test('an image of mkfs.btrfs --rootdir holds what btrfs restore takes out of it', () => {
    const image = join(folder, 'rootdir.img');
    const from = join(folder, 'rootdir');
    const restored = join(folder, 'restored');
    mkdirSync(join(from, 'lib'), { recursive: true });
    mkdirSync(restored);
    execFileSync('sh', [
      '-c',
      'seq 1 100000 > "$1/lib/numbers"; echo ID=x > "$1/lib/os-release"; head -c 700000 /dev/urandom > "$1/random"',
      'sh',
      from,
    ]);
    execFileSync('mkfs.btrfs', ['-q', '--rootdir', from, image], { stdio: 'pipe' });
    execFileSync('btrfs', ['restore', image, restored], { stdio: 'pipe' });
    const descriptor = openSync(image, 'r');
    try {
      const contents = (lines: Iterable<string>): string[] =>
        [...lines].map((line) => line.split(' ')).map(([path, , , , size, , , digest]) => `${path} ${size} ${digest}`);
      expect(contents(ownLines(openBtrfs(fileSource(image, descriptor)))).sort()).toEqual(
        contents(mountedLines(restored)).sort(),
      );
    } finally {
      closeSync(descriptor);
    }
  });
});

test.runIf(missing.length > 0)('says what it skipped', () => {
  console.log(`btrfs: nothing compared with the kernel, missing: ${reason}`);
});
