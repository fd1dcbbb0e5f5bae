import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { collectNextBoot } from '../../pipeline/collection/index.ts';
import { memorySource } from '../../pipeline/core/index.ts';
import { buildNextIdentity, type NextBoot } from '../../pipeline/evidence/index.ts';
import { encodeGpt, partitionType } from '../../pipeline/formats/gpt/index.ts';
import {
  buildVerityTree,
  encodeVeritySuperblock,
  hashLeavesInline,
  layOutVerityTree,
} from '../../pipeline/formats/verity/index.ts';
import { flatcarCommandLine, type NodeSet } from '../../pipeline/release/index.ts';
import { buildX86Kernel } from '../formats/linux-kernel/kernel-image.ts';
import { type MadeNode, openMadeNode, stableNode, textOf } from './made-node.ts';

export const oldVersion = '4593.2.5';
export const newVersion = '4593.2.6';

export function nextImage(name: string): Buffer {
  return zstdDecompressSync(readFileSync(new URL(`../fixtures/next-boot/${name}.zst`, import.meta.url)));
}

export type MadeFlags = { readonly priority: number; readonly tries: number; readonly successful: boolean };

/** A slot: the file system in it, its flags, and the usr hash that its kernel names where that is another. */
export type MadeSlot = {
  readonly image: string;
  readonly flags: MadeFlags;
  readonly salt?: string;
  readonly kernelHash?: string;
};

const sectors = 256;
const firstSector = { efi: 64, a: 128, b: 512 } as const;
const diskSectors = 1024;

/** The file system, its superblock and its hash tree, as Flatcar's build puts them into a USR partition. */
export async function makePartition(image: Buffer, salt = 'ab'.repeat(32)): Promise<{ bytes: Buffer; hash: string }> {
  const blockBytes = 4096;
  const dataBlocks = Math.ceil(image.byteLength / blockBytes);
  const superblockAt = dataBlocks * blockBytes;
  const parameters = {
    hashType: 1,
    algorithm: 'sha256',
    dataBlockSizeBytes: blockBytes,
    hashBlockSizeBytes: blockBytes,
    dataBlocks,
    salt,
  } as const;
  const bytes = Buffer.alloc(sectors * 512);
  image.copy(bytes);
  bytes.set(encodeVeritySuperblock(parameters, '9f0c1f6f-6f5d-4d0b-8f9a-4f0a4f1f2e3d'), superblockAt);
  const treeAt = superblockAt + blockBytes;
  const layout = layOutVerityTree(parameters, treeAt);
  const tree = await buildVerityTree(memorySource(bytes), parameters, layout, hashLeavesInline);
  for (const level of tree.levels) bytes.set(level, treeAt);
  return { bytes, hash: tree.rootHash };
}

export function makeDisk(flags: { readonly a: bigint; readonly b: bigint }): Buffer {
  const slot = (label: 'USR-A' | 'USR-B', guid: string, attributes: bigint, first: number) => ({
    typeGuid: partitionType.flatcarUsr,
    guid,
    label,
    attributes,
    firstSector: first,
    sectors,
  });
  const { head, tail } = encodeGpt(
    '22222222-2222-4222-8222-222222222222',
    [
      {
        typeGuid: partitionType.efiSystem,
        guid: '33333333-3333-4333-8333-333333333333',
        label: 'EFI-SYSTEM',
        attributes: 0n,
        firstSector: firstSector.efi,
        sectors: 32,
      },
      slot('USR-A', '7130c94a-213a-4e5a-8e26-6cce9662f132', flags.a, firstSector.a),
      slot('USR-B', 'e03dd35c-7c2d-4a47-b3fe-27f15780a57c', flags.b, firstSector.b),
    ],
    diskSectors,
  );
  const disk = Buffer.alloc(diskSectors * 512);
  disk.set(head);
  disk.set(tail, disk.byteLength - tail.byteLength);
  return disk;
}

export function attributesOf({ priority, tries, successful }: MadeFlags): bigint {
  return (BigInt(priority) << 48n) | (BigInt(tries) << 52n) | (successful ? 1n << 56n : 0n);
}

const sda = '/sys/devices/pci0/block/sda';

/** What the kernel shows of the disk. The verity table of stableNode reads its data from 8:3, partition 2 of this disk. */
function showDisk(): MadeNode {
  const partition = (number: number, device: string, start: number, size: number): MadeNode => ({
    [`${sda}/sda${number}/partition`]: `${number}\n`,
    [`${sda}/sda${number}/dev`]: `${device}\n`,
    [`${sda}/sda${number}/start`]: `${start}\n`,
    [`${sda}/sda${number}/size`]: `${size}\n`,
  });
  return {
    [`${sda}/dev`]: '8:0\n',
    [`${sda}/size`]: `${diskSectors}\n`,
    ...partition(1, '8:1', firstSector.efi, 32),
    ...partition(2, '8:3', firstSector.a, sectors),
    ...partition(3, '8:4', firstSector.b, sectors),
    '/sys/dev/block/8:3': { link: '../../devices/pci0/block/sda/sda2' },
  };
}

const builtIn = '/usr/share/flatcar/sysext/containerd-flatcar.raw';

/** Nothing of the running /usr but what its /etc is laid over. */
const lowerEtc: MadeNode = {
  '/usr/share/flatcar/etc/extensions/containerd-flatcar.raw': { link: builtIn },
};

const mounts = '/proc/self/mountinfo';

/** A node of Flatcar stable that runs from USR-A, with two slots on its disk. */
export async function makeNextNode(a: MadeSlot, b: MadeSlot): Promise<MadeNode> {
  const [usrA, usrB] = await Promise.all([a, b].map(async ({ image, salt }) => makePartition(nextImage(image), salt)));
  if (usrA === undefined || usrB === undefined) throw new TypeError('no partitions');
  const kernel = ({ kernelHash }: MadeSlot, hash: string) =>
    buildX86Kernel('6.12.102-flatcar', { usrHash: kernelHash ?? hash });
  return {
    ...stableNode,
    [mounts]: `${textOf(stableNode, mounts)}45 22 8:1 / /boot rw,relatime - vfat /dev/sda1 rw\n`,
    ...showDisk(),
    ...lowerEtc,
    '/dev/block/8:0': makeDisk({ a: attributesOf(a.flags), b: attributesOf(b.flags) }),
    '/dev/block/8:3': usrA.bytes,
    '/dev/block/8:4': usrB.bytes,
    '/boot/flatcar/vmlinuz-a': { content: kernel(a, usrA.hash), inode: 11, device: '8:1' },
    '/boot/flatcar/vmlinuz-b': { content: kernel(b, usrB.hash), inode: 12, device: '8:1' },
  };
}

export const runningSlot: MadeSlot = {
  image: `usr-${oldVersion}.img`,
  flags: { priority: 1, tries: 0, successful: true },
};
export const stagedSlot: MadeSlot = {
  image: `usr-${newVersion}.img`,
  flags: { priority: 2, tries: 1, successful: false },
};

/** What the OEM and the administrator enabled, with the images of one version. */
export function withSelected(node: MadeNode, version: string): MadeNode {
  return {
    ...node,
    '/oem/oem-release': 'ID=qemu\nNAME=QEMU\n',
    '/oem/sysext/active-oem-qemu': '',
    [`/oem/sysext/oem-qemu-${version}.raw`]: nextImage(`oem-qemu-${version}.raw`),
    '/etc/flatcar/enabled-sysext.conf': '# ours\npodman\n',
    [`/etc/flatcar/sysext/flatcar-podman-${version}.raw`]: nextImage(`flatcar-podman-${version}.raw`),
  };
}

/** The signed set of what the next boot of an honest node runs. */
export async function setOfNext(node: MadeNode, name: string): Promise<NodeSet> {
  const next = await collectNextBoot(openMadeNode(node));
  const own = buildNextIdentity(next);
  if ('findings' in own) throw new TypeError('the honest node has no identity');
  return {
    name,
    role: 'worker',
    identity: own.identity,
    reference: referenceOf(next),
    validity: { issuedAt: '2026-11-01T12:00:00Z', validUntil: null },
    statements: [],
  };
}

export function referenceOf({ usr, kernel }: NextBoot): NodeSet['reference'] {
  return {
    usrVerity: usr?.verity ?? null,
    kernel: kernel === null ? null : { sha256: kernel.sha256, version: null, embeddedUsrHash: kernel.embeddedUsrHash },
    commandLine: flatcarCommandLine,
  };
}
