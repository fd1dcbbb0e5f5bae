import { beforeAll, describe, expect, test } from 'vitest';
import { collectNextBoot } from '../../pipeline/collection/index.ts';
import { Fault } from '../../pipeline/core/index.ts';
import { buildNextIdentity, judgeNextBoot, type NextBoot } from '../../pipeline/evidence/index.ts';
import { identityDigest, type NodeSet } from '../../pipeline/release/index.ts';
import { change, kubernetesPath, type MadeNode, openMadeNode, replace } from './made-node.ts';
import {
  attributesOf,
  makeDisk,
  makeNextNode,
  makePartition,
  newVersion,
  nextImage,
  oldVersion,
  referenceOf,
  runningSlot,
  stagedSlot,
  withSelected,
} from './made-next-boot.ts';

const wanted = { usrVerity: 'required', sysextVerity: false } as const;

let honest: MadeNode;
let reference: NodeSet['reference'];
let next: NextBoot;

beforeAll(async () => {
  honest = await makeNextNode(runningSlot, stagedSlot);
  next = await collect(honest);
  reference = referenceOf(next);
});

const collect = async (node: MadeNode) => collectNextBoot(openMadeNode(node));

async function codesOf(node: MadeNode): Promise<readonly string[]> {
  return judgeNextBoot(await collect(node), wanted, reference).findings.map(({ code }) => code);
}

async function faultOf(node: MadeNode): Promise<string> {
  try {
    await collect(node);
    return 'none';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.code;
  }
}

function digestOf(of: NextBoot): string {
  const own = buildNextIdentity(of);
  if ('findings' in own) throw new TypeError(JSON.stringify(own.findings));
  return identityDigest(own.identity).hex;
}

/** The kernel of the slot with another byte in it, which nothing of its header tells. */
function withOtherKernel(placed: { readonly device?: string }): MadeNode {
  const path = '/boot/flatcar/vmlinuz-b';
  const own = honest[path];
  if (typeof own !== 'object' || !('content' in own) || !(own.content instanceof Uint8Array))
    throw new TypeError('no kernel');
  const content = Buffer.from(own.content);
  content[4000] = 1;
  return { ...honest, [path]: { ...own, content, ...placed } };
}

const mergedBy = async (node: MadeNode) => (await collect(node)).sysexts.merged.value;
const sda = '/sys/devices/pci0/block/sda';
const mounts = '/proc/self/mountinfo';

describe('The next boot of a node with an update staged', () => {
  test('is the release in the other slot, recomputed from its bytes', async () => {
    expect(next).toMatchObject({
      slot: { name: 'USR-B', running: false, flags: 'priority 2, tries 1, not successful' },
      usr: { os: { versionId: newVersion, buildId: '2026-08-11-2350' }, architecture: 'x86-64' },
      kernel: { path: '/boot/flatcar/vmlinuz-b' },
      contradictions: [],
      missing: [],
      unfit: [],
      unread: [],
    });
    expect(next.usr?.verity?.rootHash).toBe(next.kernel?.embeddedUsrHash);
    expect(await codesOf(honest)).toEqual([]);
  });

  test('merges what lies where it is now, and the built-in extension of its own /usr', async () => {
    expect(next.sysexts.merged.value).toEqual(['containerd-flatcar', 'kubernetes']);
    const own = await collect(await makeNextNode(stagedSlot, runningSlot));
    const shaOf = ({ sysexts }: NextBoot, name: string) => sysexts.found.find((one) => one.name === name)?.sha256.value;
    expect(shaOf(own, 'kubernetes')).toBe(shaOf(next, 'kubernetes'));
    const swapped = await collect(await makeNextNode(runningSlot, { ...stagedSlot, image: 'usr-rebuilt.img' }));
    expect(shaOf(swapped, 'containerd-flatcar')).not.toBe(shaOf(next, 'containerd-flatcar'));
    expect(digestOf(swapped)).not.toBe(digestOf(next));
  });

  test('says of nothing that it is more than claimed', async () => {
    const own = buildNextIdentity(next);
    expect('identity' in own && own.grade).toBe('claimed');
    const { checked } = judgeNextBoot(next, wanted, reference);
    expect(new Set(checked.map(({ grade }) => grade))).toEqual(new Set(['claimed']));
    expect(checked.map(({ fact }) => fact)).toEqual(
      expect.arrayContaining(['nextBoot.slot', 'os.versionId', 'os.usrHash', 'nextBoot.kernel.sha256']),
    );
    expect(checked.map(({ fact }) => fact)).not.toContain('kernel.commandLine');
  });

  test('forgets what lies in /run', async () => {
    const node = { ...honest, '/run/extensions/podman.raw': nextImage(`flatcar-podman-${newVersion}.raw`) };
    expect(await mergedBy(node)).toEqual(next.sysexts.merged.value);
  });
});

describe('The slot', () => {
  const withFlags = (a: bigint, b: bigint): MadeNode => ({ ...honest, '/dev/block/8:0': makeDisk({ a, b }) });
  const good = attributesOf({ priority: 1, tries: 0, successful: true });

  test('is the running one where the table says so, although the other one was written', async () => {
    const node = withFlags(attributesOf({ priority: 3, tries: 0, successful: true }), attributesOf(stagedSlot.flags));
    expect(await collect(node)).toMatchObject({
      slot: { name: 'USR-A', running: true },
      usr: { os: { versionId: oldVersion } },
      kernel: { path: '/boot/flatcar/vmlinuz-a' },
    });
  });

  test('is the running one where the tries of the other one are used up', async () => {
    const node = withFlags(good, attributesOf({ priority: 2, tries: 0, successful: false }));
    expect((await collect(node)).slot).toMatchObject({ name: 'USR-A', running: true });
  });

  test('is none where all tries are used up', async () => {
    const spent = attributesOf({ priority: 2, tries: 0, successful: false });
    expect(await faultOf(withFlags(spent, spent))).toBe('image.boot-slot');
  });

  test.each<[string, () => MadeNode, string]>([
    ['the table is none', () => ({ ...honest, '/dev/block/8:0': Buffer.alloc(4096) }), 'gpt.missing'],
    ['/sys does not tell the disk', () => change(honest, { '/sys/dev/block/8:3': undefined }), 'unavailable.boot-disk'],
    ['/usr is no mount', () => replace(honest, mounts, / \/usr /g, ' /other '), 'unavailable.boot-disk'],
    ['the disk has no node', () => change(honest, { '/dev/block/8:0': undefined }), 'unavailable.boot-disk'],
    ['the slot has no node', () => change(honest, { '/dev/block/8:4': undefined }), 'unavailable.boot-slot'],
    ['the kernel has the slot elsewhere', () => ({ ...honest, [`${sda}/sda3/start`]: '600\n' }), 'image.boot-slot'],
    ['the slot is cut short', () => ({ ...honest, '/dev/block/8:4': Buffer.alloc(4096) }), 'image.boot-slot'],
  ])('cannot be told where %s', async (_, node, code) => {
    expect(await faultOf(node())).toBe(code);
  });
});

describe('What contradicts itself', () => {
  test('is a kernel that names another usr hash than its slot has', async () => {
    const node = await makeNextNode(runningSlot, { ...stagedSlot, kernelHash: 'c'.repeat(64) });
    const { findings } = judgeNextBoot(await collect(node), wanted, reference);
    expect(findings[0]).toMatchObject({ code: 'next-boot.contradiction', reason: 'untrusted' });
    expect(findings[0]?.message).toContain('c'.repeat(64));
  });

  test.each([
    ['data that its stored tree does not fit', -1],
    ['a stored tree that its data does not fit', 4096],
  ])('is %s', async (_, behindImage) => {
    const image = nextImage(stagedSlot.image);
    const { bytes } = await makePartition(image);
    bytes.writeUInt8(0xff, image.byteLength + behindImage);
    const { findings } = judgeNextBoot(await collect({ ...honest, '/dev/block/8:4': bytes }), wanted, reference);
    expect(findings.map(({ message }) => message)).toContainEqual(expect.stringContaining('stored hash tree'));
    expect(findings[0]).toMatchObject({ code: 'next-boot.contradiction', reason: 'untrusted' });
  });
});

describe('The kernel', () => {
  test('must be the one of the node set', async () => {
    expect(await codesOf(withOtherKernel({}))).toEqual(['next-boot.kernel']);
  });

  test('must lie on the EFI partition itself: what is mounted below /boot is not what GRUB loads', async () => {
    const over = replace(honest, mounts, /$/, '90 22 8:9 /good /boot/flatcar rw - ext4 /dev/sda9 rw\n');
    expect((await collect(over)).unread.map(({ code }) => code)).toEqual(['unavailable.boot-kernel']);
    const beside = await collect(withOtherKernel({ device: '8:9' }));
    expect(beside.unread.map(({ code }) => code)).toEqual(['unavailable.boot-kernel']);
  });

  test('must be there', async () => {
    expect(await codesOf(change(honest, { '/boot/flatcar/vmlinuz-b': undefined }))).toEqual(['next-boot.kernel']);
  });

  test('must name a usr hash, for otherwise nothing is mapped', async () => {
    const node = await makeNextNode(runningSlot, { ...stagedSlot, kernelHash: 'Use a boot loader.' });
    expect(await codesOf(node)).toEqual(['next-boot.kernel', 'next-boot.kernel']);
  });

  test.each([
    ['no EFI partition is mounted', / \/boot /, ' /mnt '],
    ['that of another disk is', '8:1 / /boot', '8:17 / /boot'],
    ['only a directory of it is', '8:1 / /boot', '8:1 /decoy /boot'],
  ])('cannot be told where %s', async (_, pattern, text) => {
    const { findings } = judgeNextBoot(await collect(replace(honest, mounts, pattern, text)), wanted, reference);
    expect(findings).toMatchObject([{ code: 'evidence.unread', reason: 'unavailable' }]);
  });
});

describe('Extensions that the version selects', () => {
  test('are those of the next version', async () => {
    const node = withSelected(withSelected(honest, oldVersion), newVersion);
    const staged = await collect(node);
    expect(staged.sysexts.merged.value).toEqual(['containerd-flatcar', 'flatcar-podman', 'kubernetes', 'oem-qemu']);
    expect(staged.sysexts.found.find(({ name }) => name === 'oem-qemu')?.resolvedPath).toBe(
      `/oem/sysext/oem-qemu-${newVersion}.raw`,
    );
    expect(await codesOf(node)).toEqual([]);
  });

  test('replace what the links of this boot lead to', async () => {
    const node = {
      ...withSelected(withSelected(honest, oldVersion), newVersion),
      '/etc/extensions/oem-qemu.raw': { link: `/oem/sysext/oem-qemu-${oldVersion}.raw` },
    };
    expect(digestOf(await collect(node))).toBe(digestOf(await collect(withSelected(honest, newVersion))));
  });

  test('may lie on the root file system', async () => {
    const moved = { [`/etc/flatcar/oem-sysext/oem-qemu-${newVersion}.raw`]: nextImage(`oem-qemu-${newVersion}.raw`) };
    const node = {
      ...change(withSelected(honest, newVersion), { [`/oem/sysext/oem-qemu-${newVersion}.raw`]: undefined }),
      ...moved,
    };
    expect(digestOf(await collect(node))).toBe(digestOf(await collect(withSelected(honest, newVersion))));
  });

  test('are named where the new version of them is not there', async () => {
    const node = withSelected(honest, oldVersion);
    const own = buildNextIdentity(await collect(node));
    expect('findings' in own && own.findings.map(({ code, field, reason }) => [code, field, reason])).toEqual([
      ['extension.not-there', 'sysexts.oem-qemu', 'unavailable'],
      ['extension.not-there', 'sysexts.flatcar-podman', 'unavailable'],
    ]);
  });

  test('are not selected where nobody enabled them', async () => {
    const node = {
      ...change(withSelected(honest, newVersion), { '/oem/sysext/active-oem-qemu': undefined }),
      '/etc/flatcar/enabled-sysext.conf': '#podman\n-zfs\n',
    };
    expect(await mergedBy(node)).toEqual(next.sysexts.merged.value);
  });
});

describe('An extension', () => {
  test('that does not fit the next operating system is left out, and named', async () => {
    const node = {
      ...honest,
      '/etc/extensions/flatcar-podman.raw': nextImage(`flatcar-podman-${oldVersion}.raw`),
    };
    const { findings } = judgeNextBoot(await collect(node), wanted, reference);
    expect(findings).toMatchObject([
      { code: 'extension.unfit', field: 'sysexts.flatcar-podman', actual: oldVersion, expected: newVersion },
    ]);
    expect(await mergedBy(node)).toEqual(next.sysexts.merged.value);
  });

  test('whose link into /usr leads nowhere in the next one is not merged', async () => {
    const node = {
      ...honest,
      '/usr/share/flatcar/sysext/gone.raw': nextImage(`oem-qemu-${newVersion}.raw`),
      '/etc/extensions/oem-qemu.raw': { link: '/usr/share/flatcar/sysext/gone.raw' },
    };
    expect(await mergedBy(node)).toEqual(next.sysexts.merged.value);
  });

  test('that the administrator masked stays masked', async () => {
    const node = { ...honest, '/etc/extensions/containerd-flatcar.raw': { link: '/dev/null' } };
    expect(await mergedBy(node)).toEqual(['kubernetes']);
  });

  test('that the administrator removed from /etc stays removed, and one that only this /usr brought is gone', async () => {
    expect(await mergedBy(change(honest, { '/etc/extensions/containerd-flatcar.raw': undefined }))).toEqual([
      'kubernetes',
    ]);
    const brought = {
      '/usr/share/flatcar/etc/extensions/oem-qemu.raw': { link: kubernetesPath },
      '/etc/extensions/oem-qemu.raw': { link: kubernetesPath },
    };
    expect(await mergedBy({ ...honest, ...brought })).toEqual(next.sysexts.merged.value);
  });

  test('that only the next /usr brings is merged', async () => {
    const gone = {
      '/usr/share/flatcar/etc/extensions/containerd-flatcar.raw': undefined,
      '/etc/extensions/containerd-flatcar.raw': undefined,
    };
    expect(await mergedBy(change(honest, gone))).toEqual(['containerd-flatcar', 'kubernetes']);
  });

  test('is linked by the /etc of the next /usr, however that comes', async () => {
    const toConfext = await makeNextNode(runningSlot, { ...stagedSlot, image: 'usr-confext.img' });
    const staged = await collect(toConfext);
    expect(staged.unread).toEqual([]);
    expect(staged.sysexts.merged.value).toEqual(next.sysexts.merged.value);
    expect(staged.confexts.merged.value).toEqual(['00-flatcar-default']);
    const masked = { ...toConfext, '/etc/extensions/containerd-flatcar.raw': { link: '/dev/null' } };
    expect(await mergedBy(masked)).toEqual(['kubernetes']);
  });

  test('may be reached through links out of /usr, and none that go in circles', async () => {
    const node = {
      ...withSelected(honest, newVersion),
      '/etc/extensions/oem-qemu.raw': { link: '/usr/share/oem/sysext/any.raw' },
      '/etc/extensions/circle.raw': { link: 'circle.raw' },
    };
    const staged = await collect(
      change(node, { '/oem/oem-release': undefined, '/oem/sysext/any.raw': nextImage(`oem-qemu-${newVersion}.raw`) }),
    );
    expect(staged.sysexts.found.find(({ name }) => name === 'oem-qemu')?.resolvedPath).toBe('/oem/sysext/any.raw');
    expect(staged.sysexts.found.find(({ name }) => name === 'circle')?.kind).toBe('dangling');
  });
});

describe('A directory that is covered', () => {
  test('could hide anything from this look', async () => {
    const node = replace(honest, mounts, /$/, '90 22 0:60 / /var/lib/extensions rw - tmpfs tmpfs rw\n');
    expect(await codesOf(node)).toEqual(['extension.covered-directory']);
  });
});
