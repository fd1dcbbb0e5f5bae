import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { decodeUtf8, Digest, Fault, memorySource } from '../../pipeline/core/index.ts';
import type { NodeCommand, NodeWorld, PlacedFile } from '../../pipeline/collection/index.ts';
import { hashLeavesInline } from '../../pipeline/formats/verity/index.ts';
import { readSysext } from '../../pipeline/image/index.ts';
import { flatcarCommandLine, type NodeSet } from '../../pipeline/release/index.ts';

/** One thing of a made-up node. A bare text or bytes is a regular file; `directory` needs saying only where it is empty. */
export type MadeEntry =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly kind: 'directory' | 'character-device' | 'block-device' | 'other' }
  | { readonly content: Uint8Array | Fault; readonly inode: number; readonly device: string }
  | { readonly fault: Fault };

/** Everything of a node by path, and what its commands print by `$NAME`. */
export type MadeNode = Readonly<Record<string, MadeEntry>>;

export type MadeWorldOptions = { readonly simulated?: boolean; readonly architecture?: string | null };

export const collectedAt = new Date('2026-11-22T12:00:00Z');

const fixtures = join(import.meta.dirname, '../fixtures/evidence');

export function image(name: string): Buffer {
  return zstdDecompressSync(readFileSync(join(fixtures, `${name}.zst`)));
}

/** A node in memory. Links lead anywhere in it; what is not there is absent. */
export function openMadeNode(node: MadeNode, options: MadeWorldOptions = {}): NodeWorld {
  const entries = new Map(Object.entries(node));
  const directories = new Map<string, Set<string>>([['/', new Set()]]);
  for (const path of entries.keys()) if (path.startsWith('/')) addTo(directories, path);
  const find = (path: string): { path: string; entry: MadeEntry | undefined } | undefined => {
    let pending = path.split('/').filter(Boolean);
    let place = '';
    for (let steps = 0; pending.length > 0; steps++) {
      if (steps > 200) return undefined;
      const [name = '', ...rest] = pending;
      const here = name === '..' ? place.slice(0, place.lastIndexOf('/')) : `${place}/${name}`;
      const entry = entries.get(here);
      if (entry !== undefined && typeof entry === 'object' && 'link' in entry) {
        if (entry.link.startsWith('/')) place = '';
        pending = [...entry.link.split('/').filter(Boolean), ...rest];
        continue;
      }
      place = here;
      pending = rest;
    }
    if (place === '/dev/null') return { path: place, entry: { kind: 'character-device' } };
    return entries.has(place) || directories.has(place) ? { path: place, entry: entries.get(place) } : undefined;
  };
  const bytesOf = (path: string): Uint8Array | undefined => {
    const found = find(path);
    if (found === undefined) return undefined;
    const { entry } = found;
    if (typeof entry === 'string') return Buffer.from(entry);
    if (entry instanceof Uint8Array) return entry;
    if (entry !== undefined && 'fault' in entry) throw entry.fault;
    if (entry !== undefined && 'content' in entry) {
      if (entry.content instanceof Fault) throw entry.content;
      return entry.content;
    }
    throw new Fault('file.kind', `Cannot read ${path}: want a regular file`, { where: path });
  };
  const readBytes = (path: string, maxBytes: number): Uint8Array | undefined => {
    const bytes = bytesOf(path);
    if (bytes !== undefined && bytes.byteLength > maxBytes)
      throw new Fault('limit.file-bytes', `Cannot read ${path}: ${bytes.byteLength} bytes`);
    return bytes;
  };
  return {
    simulated: options.simulated ?? false,
    now: collectedAt,
    architecture: options.architecture === undefined ? 'x86-64' : options.architecture,
    kernelRelease: '6.12.102-flatcar',
    readBytes,
    readText: (path, maxBytes) => {
      const bytes = readBytes(path, maxBytes);
      return bytes === undefined ? undefined : decodeUtf8(bytes, path);
    },
    listNames: (path) => {
      const found = find(path);
      if (found === undefined) return undefined;
      if (found.entry !== undefined && typeof found.entry === 'object' && 'fault' in found.entry)
        throw found.entry.fault;
      const names = directories.get(found.path);
      return names === undefined ? (isEmptyDirectory(found.entry) ? [] : undefined) : [...names].sort();
    },
    readLink: (path) => {
      const cut = path.lastIndexOf('/');
      const parent = find(path.slice(0, cut) || '/')?.path ?? '';
      const entry = entries.get(`${parent === '/' ? '' : parent}/${path.slice(cut + 1)}`);
      return typeof entry === 'object' && 'link' in entry ? entry.link : undefined;
    },
    place: (path) => {
      const found = find(path);
      if (found?.entry !== undefined && typeof found.entry === 'object' && 'fault' in found.entry)
        throw found.entry.fault;
      return found === undefined ? undefined : placedAs(found.path, found.entry);
    },
    openSource: (path) => {
      const source = memorySource(bytesOf(path) ?? missing(path), path);
      return Object.assign(source, { [Symbol.dispose]: () => undefined });
    },
    ask: (command: NodeCommand) => {
      const bytes = bytesOf(`/$${command}`);
      return bytes === undefined ? undefined : decodeUtf8(bytes, command);
    },
    hashLeaves: hashLeavesInline,
    digestSource: async (source, algorithms) =>
      algorithms.map((algorithm) => Digest.of(algorithm, source.read(0, source.sizeBytes))),
  };
}

function isEmptyDirectory(entry: MadeEntry | undefined): boolean {
  return typeof entry === 'object' && 'kind' in entry && entry.kind === 'directory';
}

function addTo(directories: Map<string, Set<string>>, path: string): void {
  const cut = path.lastIndexOf('/');
  const parent = path.slice(0, cut) || '/';
  const names = directories.get(parent);
  if (names !== undefined) names.add(path.slice(cut + 1));
  else {
    directories.set(parent, new Set([path.slice(cut + 1)]));
    addTo(directories, parent);
  }
}

function placedAs(path: string, entry: MadeEntry | undefined): PlacedFile {
  const owner = { mode: 0o755, uid: 0 };
  const numbers = { inode: 1, device: '8:9', ...owner };
  if (entry === undefined) return { path, kind: 'directory', ...numbers, sizeBytes: 0 };
  if (path === '/dev/null') return { path, kind: 'character-device', inode: 0, device: '0:0', sizeBytes: 0, ...owner };
  if (typeof entry === 'string') return { path, kind: 'file', ...numbers, sizeBytes: Buffer.byteLength(entry) };
  if (entry instanceof Uint8Array) return { path, kind: 'file', ...numbers, sizeBytes: entry.byteLength };
  if ('content' in entry) {
    const sizeBytes = entry.content instanceof Fault ? 0 : entry.content.byteLength;
    return { path, kind: 'file', inode: entry.inode, device: entry.device, sizeBytes, ...owner };
  }
  return { path, kind: 'kind' in entry ? entry.kind : 'other', ...numbers, sizeBytes: 0 };
}

function missing(path: string): never {
  throw new Fault('file.missing', `Cannot open ${path}: no such file`, { where: path });
}

// --- Honest nodes ------------------------------------------------------------------------------------------------------------

export const usrHash = '20b08968dc4527a622b7f9f0ba9b6e1a16377500f1f9f93231712ccb45150570';
export const usrSalt = 'ab'.repeat(32);
const usrBlocks = 260_094;
const usrSectors = usrBlocks * 8;

export const usrTable = `0 ${usrSectors} verity 1 8:3 8:3 4096 4096 ${usrBlocks} ${usrBlocks + 1} sha256 ${usrHash} ${usrSalt} 1 panic_on_corruption`;

const osRelease = 'ID=flatcar\nVERSION_ID=4757.1.0\nBUILD_ID=2026-08-11-2350\n';

/** What every Flatcar node shows below its extensions. The OEM partition is a second btrfs. */
const usr: MadeNode = {
  '/proc/cmdline': `BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT console=tty0 flatcar.oem.id=qemu verity.usrhash=${usrHash}\n`,
  '/usr/lib/os-release': osRelease,
  '/dev/mapper/usr': { link: '../dm-0' },
  '/dev/dm-0': { kind: 'block-device' },
  '/dev/block/254:0': image('usr.img'),
  '/sys/block/dm-0/dev': '254:0\n',
  '/sys/block/dm-0/size': `${usrSectors}\n`,
  '/sys/block/dm-0/dm/name': 'usr\n',
  '/sys/block/dm-0/dm/uuid': 'CRYPT-VERITY-9f0c1f6f6f5d4d0b8f9a4f0a4f1f2e3d-usr\n',
  '/sys/class/block/dm-0/dev': '254:0\n',
  '/sys/class/block/sda6/dev': '8:6\n',
  '/sys/fs/btrfs/features/skinny_metadata': '0\n',
  '/sys/fs/btrfs/44444444-4444-4444-8444-444444444444/devices/dm-0/dev': '254:0\n',
  '/sys/fs/btrfs/55555555-5555-4555-8555-555555555555/devices/sda6/dev': '8:6\n',
};

const mountLines = [
  '22 1 8:9 / / rw,relatime shared:1 - ext4 /dev/sda9 rw,seclabel',
  '23 22 0:29 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro,seclabel,rescue=nologreplay,subvolid=5,subvol=/',
  '28 22 0:26 / /run rw,nosuid,nodev shared:11 - tmpfs tmpfs rw,seclabel,mode=755',
  '44 22 0:36 / /oem rw,nodev,relatime shared:22 - btrfs /dev/sda6 rw,seclabel,subvolid=5,subvol=/',
];

export const kubernetesPath = '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw';

/** Flatcar stable: squashfs extensions, the built-in one inside /usr, which the merge covers. */
export const stableNode: MadeNode = {
  ...usr,
  '/proc/self/mountinfo': lines([
    ...mountLines,
    '41 22 0:34 / /etc rw,relatime shared:20 - overlay overlay rw,seclabel,lowerdir=/sysroot/usr/share/flatcar/etc,upperdir=/sysroot/etc,workdir=/sysroot/.etc-work',
    mergeLine('sysext', ['kubernetes', 'containerd-flatcar']),
  ]),
  '/usr/.systemd-sysext/extensions': 'containerd-flatcar\nkubernetes',
  '/usr/.systemd-sysext/dev': '0:38',
  '/etc/extensions/containerd-flatcar.raw': { link: '/usr/share/flatcar/sysext/containerd-flatcar.raw' },
  '/etc/extensions/docker-flatcar.raw': { link: '/dev/null' },
  '/etc/extensions/kubernetes.raw': { link: kubernetesPath },
  // Another device than the loop device knows: overlayfs gives files of its lower layers a device of its own.
  '/usr/share/flatcar/sysext/containerd-flatcar.raw': {
    content: image('containerd-flatcar.raw'),
    inode: 1041,
    device: '0:39',
  },
  [kubernetesPath]: { content: image('kubernetes.raw'), inode: 131_080, device: '8:9' },
  '/$losetup': losetup([
    ['/usr/share/flatcar/sysext/containerd-flatcar.raw', 1041, '0:30'],
    [kubernetesPath, 131_080, '8:9'],
  ]),
  '/$dmsetup-table': `usr: ${usrTable}\n`,
  '/$dmsetup-status': `usr: 0 ${usrSectors} verity V\n`,
};

const docker = await verityOf('docker-flatcar');
const etc = await verityOf('00-flatcar-default');

/** Flatcar beta: extensions with verity, merged in the initrd; /etc is a confext that can be written. */
export const betaNode: MadeNode = {
  ...usr,
  '/proc/self/mountinfo': lines([
    ...mountLines,
    '50 22 0:41 / /etc rw,nosuid,nodev shared:31 - overlay confext rw,seclabel,lowerdir=/run/systemd/confext/meta/etc:/run/systemd/confext/confexts/00-flatcar-default/etc,upperdir=/sysroot/etc,workdir=/sysroot/.etc-work',
    '51 50 0:41 /.systemd-confext /etc/.systemd-confext ro shared:31 - overlay confext rw,seclabel',
    mergeLine('sysext', ['kubernetes', 'docker-flatcar'], '/sysroot/usr'),
  ]),
  '/usr/.systemd-sysext/extensions': 'docker-flatcar\nkubernetes',
  '/usr/.systemd-sysext/dev': '0:38',
  '/etc/.systemd-confext/confexts': '00-flatcar-default',
  '/etc/.systemd-confext/dev': '0:41',
  '/etc/extensions/docker-flatcar.raw': { link: '/usr/share/flatcar/sysext/docker-flatcar.raw' },
  '/etc/extensions/kubernetes.raw': { link: kubernetesPath },
  '/usr/lib/confexts/00-flatcar-default.raw': { content: image('00-flatcar-default.raw'), inode: 1050, device: '0:39' },
  '/usr/share/flatcar/sysext/docker-flatcar.raw': { content: image('docker-flatcar.raw'), inode: 1042, device: '0:39' },
  [kubernetesPath]: { content: image('kubernetes.raw'), inode: 131_080, device: '8:9' },
  '/$losetup': losetup([
    ['/usr/share/flatcar/sysext/docker-flatcar.raw', 1042, '0:30'],
    [kubernetesPath, 131_080, '8:9'],
    ['/usr/lib/confexts/00-flatcar-default.raw', 1050, '0:30'],
  ]),
  '/$dmsetup-table': `usr: ${usrTable}\nloop0p1-verity: ${docker.table('259:0', '259:1')}\nloop2p1-verity: ${etc.table('259:4', '259:5')}\n`,
  '/$dmsetup-status': `usr: 0 ${usrSectors} verity V\nloop0p1-verity: 0 ${docker.sectors} verity V\nloop2p1-verity: 0 ${etc.sectors} verity V\n`,
  ...loopPartitions('loop0', ['259:0', '259:1']),
  ...loopPartitions('loop1', []),
  ...loopPartitions('loop2', ['259:4', '259:5']),
  ...mapping('dm-1', '254:1', 'loop0p1-verity', docker.sectors),
  ...mapping('dm-2', '254:2', 'loop2p1-verity', etc.sectors),
  '/dev/loop0': image('docker-flatcar.raw'),
  '/dev/loop1': image('kubernetes.raw'),
  '/dev/loop2': image('00-flatcar-default.raw'),
};

export const dockerRootHash = docker.rootHash;

/** The reference values that a node set of these nodes has. */
export const reference: NodeSet['reference'] = {
  usrVerity: {
    rootHash: usrHash,
    algorithm: 'sha256',
    dataBlockSizeBytes: 4096,
    hashBlockSizeBytes: 4096,
    dataBlocks: usrBlocks,
    hashType: 1,
    salt: usrSalt,
  },
  kernel: null,
  commandLine: flatcarCommandLine,
};

export function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

export function mergeLine(word: string, names: readonly string[], bottom = '/usr'): string {
  const layers = names.map((name) => `/run/systemd/sysext/extensions/${name}/usr`);
  return `60 23 0:38 / /usr ro,nodev,relatime shared:30 - overlay ${word} ro,seclabel,lowerdir=/run/systemd/sysext/meta/usr:${layers.join(':')}:${bottom}`;
}

export function losetup(loops: readonly (readonly [path: string, inode: number, device: string])[]): string {
  return JSON.stringify({
    loopdevices: loops.map(([path, inode, device], at) => ({
      name: `/dev/loop${at}`,
      'maj:min': `7:${at}`,
      'back-file': path,
      'back-ino': inode,
      'back-maj:min': device,
      offset: 0,
      autoclear: true,
    })),
  });
}

export function loopPartitions(loop: string, devices: readonly string[]): MadeNode {
  return {
    [`/sys/block/${loop}/size`]: '8\n',
    ...Object.fromEntries(devices.map((device, at) => [`/sys/block/${loop}/${loop}p${at + 1}/dev`, `${device}\n`])),
  };
}

export function mapping(block: string, device: string, name: string, sectors: number): MadeNode {
  return {
    [`/sys/block/${block}/dev`]: `${device}\n`,
    [`/sys/block/${block}/size`]: `${sectors}\n`,
    [`/sys/block/${block}/dm/name`]: `${name}\n`,
    [`/sys/block/${block}/dm/uuid`]: '\n',
    [`/sys/class/block/${block}/dev`]: `${device}\n`,
  };
}

/** A text of the node. */
export function textOf(node: MadeNode, path: string): string {
  const entry = node[path];
  if (typeof entry !== 'string') throw new TypeError(`${path} is no text`);
  return entry;
}

/** A node with something else: `undefined` takes a path away. */
export function change(node: MadeNode, changes: Readonly<Record<string, MadeEntry | undefined>>): MadeNode {
  const entries = Object.entries({ ...node, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, MadeEntry] => entry[1] !== undefined));
}

/** A node with a text of it replaced. Throws where there is nothing to replace: a lie must be one. */
export function replace(
  node: MadeNode,
  path: string,
  pattern: string | RegExp,
  text: string | ((...matches: string[]) => string),
): MadeNode {
  const before = textOf(node, path);
  const after = typeof text === 'string' ? before.replace(pattern, text) : before.replace(pattern, text);
  if (after === before) throw new TypeError(`nothing to replace in ${path}`);
  return { ...node, [path]: after };
}

async function verityOf(
  name: string,
): Promise<{ rootHash: string; sectors: number; table: (data: string, hash: string) => string }> {
  const { verity } = await readSysext(memorySource(image(`${name}.raw`), name), hashLeavesInline, name);
  if (verity === null) throw new TypeError(`${name} has no verity`);
  const { rootHash, dataBlocks } = verity.report;
  const sectors = dataBlocks * 8;
  const salt = Buffer.from(verity.superblock.salt).toString('hex');
  return {
    rootHash,
    sectors,
    table: (data, hash) => `0 ${sectors} verity 1 ${data} ${hash} 4096 4096 ${dataBlocks} 1 sha256 ${rootHash} ${salt}`,
  };
}
