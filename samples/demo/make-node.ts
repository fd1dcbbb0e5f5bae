import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeSet } from '../../pipeline/release/index.ts';

type Loop = { readonly path: string; readonly inode: number; readonly device: string };

/** The files that extensions run from, with the numbers that they have on the node. */
const loops: readonly Loop[] = [
  { path: '/usr/share/flatcar/sysext/containerd-flatcar.raw', inode: 1041, device: '0:29' },
  { path: '/usr/share/flatcar/sysext/docker-flatcar.raw', inode: 1042, device: '0:29' },
  { path: '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw', inode: 131080, device: '8:9' },
  { path: '/opt/extensions/falco/falco.raw', inode: 131084, device: '8:9' },
];
const merged = ['containerd-flatcar', 'docker-flatcar', 'falco', 'kubernetes'];
const usrPartition = '7130c94a-213a-4e5a-8e26-6cce9662f132';

/**
 * Writes what a node that runs the node set says of itself: its texts in /proc, /sys and /usr, and what dmsetup and losetup
 * print there. Images are put in place by base.yaml.
 */
export function writeNode(root: string, { identity, reference }: NodeSet, falcoBlocks: number): void {
  const usr = reference.usrVerity;
  const falco = identity.sysexts.find((member) => member.name === 'falco')?.rootHash;
  if (usr === null || falco === undefined || falco === null)
    throw new TypeError('Cannot happen: the node set has no verity');
  const usrSectors = (usr.dataBlocks * usr.dataBlockSizeBytes) / 512;
  const falcoSectors = falcoBlocks * 8;
  const files: Readonly<Record<string, string>> = {
    'proc/cmdline': `BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=${usrPartition} rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT console=ttyS0,115200n8 console=tty0 flatcar.oem.id=qemu verity.usrhash=${usr.rootHash}\n`,
    'proc/self/mountinfo': mountinfo(),
    'usr/lib/os-release': osRelease(identity.os),
    'usr/.systemd-sysext/extensions': `${merged.join('\n')}\n`,
    'usr/.systemd-sysext/dev': '0:38\n',
    'run/nodeproof/captured/architecture': `${identity.os.architecture}\n`,
    'run/nodeproof/captured/kernel-release': '6.12.102-flatcar\n',
    'run/nodeproof/captured/dmsetup-table': [
      `${falco}-verity: 0 ${falcoSectors} verity 1 259:0 259:1 4096 4096 ${falcoBlocks} 1 sha256 ${falco} ${'0'.repeat(63)}7`,
      `usr: 0 ${usrSectors} verity ${usr.hashType} 8:3 8:3 ${usr.dataBlockSizeBytes} ${usr.hashBlockSizeBytes} ${usr.dataBlocks} ${usr.dataBlocks + 1} ${usr.algorithm} ${usr.rootHash} ${usr.salt} 1 panic_on_corruption`,
      '',
    ].join('\n'),
    'run/nodeproof/captured/dmsetup-status': `${falco}-verity: 0 ${falcoSectors} verity V\nusr: 0 ${usrSectors} verity V\n`,
    'run/nodeproof/captured/losetup.json': losetup(),
    'run/nodeproof/captured/files.json': json(
      Object.fromEntries(loops.map(({ path, inode, device }) => [path, { inode, device }])),
    ),
    ...mapping('dm-0', '254:0', 'usr', 'CRYPT-VERITY-9f0c1f6f6f5d4d0b8f9a4f0a4f1f2e3d-usr', usrSectors),
    ...mapping(
      'dm-1',
      '254:1',
      `${falco}-verity`,
      `CRYPT-VERITY-11111111111141118111111111111111-${falco}-verity`,
      falcoSectors,
    ),
    // Falco's image has partitions: data, hash tree and signature.
    'sys/block/loop3/loop3p1/dev': '259:0\n',
    'sys/block/loop3/loop3p2/dev': '259:1\n',
    'sys/block/loop3/loop3p3/dev': '259:2\n',
    'sys/fs/btrfs/44444444-4444-4444-8444-444444444444/devices/dm-0/dev': '254:0\n',
    'sys/fs/btrfs/55555555-5555-4555-8555-555555555555/devices/sda6/dev': '8:6\n',
    'sys/class/block/sda6/dev': '8:6\n',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

function mountinfo(): string {
  const layers = [...merged].reverse().map((name) => `/run/systemd/sysext/extensions/${name}/usr`);
  return [
    '22 1 8:9 / / rw,relatime shared:1 - ext4 /dev/sda9 rw,seclabel',
    '23 22 0:29 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro,seclabel,rescue=nologreplay,space_cache=v2,subvolid=5,subvol=/',
    '24 22 0:6 / /dev rw,nosuid shared:3 - devtmpfs devtmpfs rw,seclabel,size=4096k,mode=755',
    '25 22 0:23 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw',
    '26 22 0:24 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw,seclabel',
    '28 22 0:26 / /run rw,nosuid,nodev shared:11 - tmpfs tmpfs rw,seclabel,size=1613444k,mode=755',
    '41 22 0:34 / /etc rw,relatime shared:20 - overlay overlay rw,seclabel,lowerdir=/sysroot/usr/share/flatcar/etc,upperdir=/sysroot/etc,workdir=/sysroot/.etc-work',
    '44 22 0:36 / /oem rw,nodev,relatime shared:22 - btrfs /dev/sda6 rw,seclabel,space_cache=v2,subvolid=5,subvol=/',
    `60 23 0:38 / /usr ro,nodev,relatime shared:30 - overlay sysext ro,seclabel,lowerdir=/run/systemd/sysext/meta/usr:${layers.join(':')}:/usr`,
    '',
  ].join('\n');
}

function osRelease({ versionId, buildId }: NodeSet['identity']['os']): string {
  return `NAME="Flatcar Container Linux by Kinvolk"
ID=flatcar
ID_LIKE=coreos
VERSION=${versionId}
VERSION_ID=${versionId}
BUILD_ID=${buildId}
SYSEXT_LEVEL=1.0
PRETTY_NAME="Flatcar Container Linux by Kinvolk ${versionId} (Oklo)"
`;
}

function mapping(block: string, device: string, name: string, uuid: string, sectors: number): Record<string, string> {
  return {
    [`sys/block/${block}/dev`]: `${device}\n`,
    [`sys/block/${block}/size`]: `${sectors}\n`,
    [`sys/block/${block}/dm/name`]: `${name}\n`,
    [`sys/block/${block}/dm/uuid`]: `${uuid}\n`,
    [`sys/class/block/${block}/dev`]: `${device}\n`,
  };
}

function losetup(): string {
  return json({
    loopdevices: loops.map(({ path, inode, device }, at) => ({
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

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
