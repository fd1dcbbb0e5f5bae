import { describe, expect, test } from 'vitest';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { judgeEvidence, locateOn, parseEvidence } from '../../pipeline/evidence/index.ts';
import { encodeGpt } from '../../pipeline/formats/gpt/index.ts';
import { parseMountinfo as parseMountTable } from '../../pipeline/formats/mountinfo/index.ts';
import { change, image, losetup, type MadeNode, openMadeNode, reference, stableNode, textOf } from './made-node.ts';

const requirements = {
  usrVerity: 'required',
  sysextVerity: false,
  commandLine: 'node-set',
  extensions: 'running',
} as const;

const parseMountinfo = (text: string) => parseMountTable(Buffer.from(text));
const own = '/proc/self/mountinfo';
const table = textOf(stableNode, own);
const collect = async (node: MadeNode) => collectEvidence(openMadeNode(node));

async function findingsOf(node: MadeNode, extensions: 'running' | 'to-be-merged' = 'running') {
  return judgeEvidence(await collect(node), { ...requirements, extensions }, reference).findings;
}

const codesOf = async (node: MadeNode) => (await findingsOf(node)).map(({ code }) => code);
const withMount = (line: string): MadeNode => ({ ...stableNode, [own]: `${table}${line}\n` });

describe('Mounts over the places of extensions and of the verifier', () => {
  test.each([
    ['/run/extensions', 'extension.covered-directory'],
    ['/var/lib/extensions/kubernetes', 'extension.covered-directory'],
    ['/etc/extensions', 'extension.covered-directory'],
    ['/run/confexts', 'extension.covered-directory'],
    ['/.extra/sysext', 'extension.covered-directory'],
    ['/var/lib/nodeproof', 'unit.covered-verifier'],
    ['/var/lib/nodeproof/bin', 'unit.covered-verifier'],
  ])('at %s refuse', async (mountPoint, code) => {
    expect(await codesOf(withMount(`90 22 0:60 / ${mountPoint} rw - tmpfs tmpfs rw`))).toEqual([code]);
  });

  test.each(['/var', '/var/lib', '/opt/cni', '/var/lib/containers', '/etc/kubernetes', '/run/user/500'])(
    'elsewhere are nobody’s business: %s',
    async (mountPoint) => {
      expect(await codesOf(withMount(`90 22 0:60 / ${mountPoint} rw - tmpfs tmpfs rw`))).toEqual([]);
    },
  );
});

describe('The mask of the guard', () => {
  const mask =
    '90 41 0:60 / /etc/extensions ro - overlay nodeproof-guard ro,lowerdir=/run/nodeproof/masks:/etc/extensions';

  test('refuses, and names what is masked under it', async () => {
    const [finding, ...others] = await findingsOf(withMount(mask));
    expect(finding).toMatchObject({
      code: 'extension.refused-by-guard',
      reason: 'denied',
      actual: 'docker-flatcar',
      message: 'The guard keeps docker-flatcar in /etc/extensions out of the merge',
    });
    expect(others).toEqual([]);
  });

  test('refuses where nothing is masked under it', async () => {
    const node = change(withMount(mask), { '/etc/extensions/docker-flatcar.raw': undefined });
    expect(await codesOf(node)).toEqual(['extension.refused-by-guard']);
  });

  test('does not keep the guard itself from looking at what is left', async () => {
    expect(await findingsOf(withMount(mask), 'to-be-merged')).toEqual([]);
  });

  test('is no other mount of that name', async () => {
    expect(await codesOf(withMount('90 41 0:60 / /etc/extensions rw - tmpfs nodeproof-guard rw'))).toEqual([
      'extension.covered-directory',
    ]);
  });
});

describe('The mount table', () => {
  const first = '/proc/1/mountinfo';
  const renumbered = table.replaceAll(
    /^(\d+) (\d+)/gm,
    (_, id: string, parent: string) => `${+id + 500} ${+parent + 500}`,
  );

  test('is that of the first process where it shows one', async () => {
    const bind = '91 560 8:9 /evil /usr/bin/kubelet rw - ext4 /dev/sda9 rw\n';
    const node = { ...stableNode, [first]: `${renumbered}${bind}` };
    expect((await collect(node)).mountView.source).toBe(first);
    expect(new Set(await codesOf(node))).toEqual(new Set(['usr.mounted-over', 'evidence.mount-namespace']));
  });

  test('of this run may have other numbers and further mounts where nothing is judged', async () => {
    const mine = `${renumbered}95 522 0:70 / /tmp rw - tmpfs tmpfs rw\n`;
    expect(await codesOf({ ...stableNode, [first]: table, [own]: mine })).toEqual([]);
  });

  test('of this run may bind a directory to itself', async () => {
    const mine = `${table}95 22 8:9 /var/lib/extensions /var/lib/extensions ro - ext4 /dev/sda9 rw\n`;
    expect(await codesOf({ ...stableNode, [first]: table, [own]: mine })).toEqual([]);
  });

  test.each([
    ['/etc/extensions', '95 41 0:70 / /etc/extensions rw - tmpfs tmpfs rw'],
    ['/usr/bin', '95 60 8:9 /mnt /usr/bin ro - ext4 /dev/sda9 rw'],
    ['/var/lib', '95 22 0:70 / /var rw - tmpfs tmpfs rw'],
    ['/', '95 1 0:70 / / rw - tmpfs tmpfs rw'],
  ])('of this run may not show %s from elsewhere', async (path, line) => {
    const node = { ...stableNode, [first]: table, [own]: line.startsWith('95 1') ? `${line}\n` : `${table}${line}\n` };
    const findings = await findingsOf(node);
    const finding = findings.find(({ code }) => code === 'evidence.mount-namespace');
    expect(finding?.reason).toBe('untrusted');
    expect(finding?.actual?.split(', ')).toContain(path);
  });

  test('that does not parse refuses', async () => {
    expect(await codesOf({ ...stableNode, [first]: 'junk\n' })).toEqual(['evidence.unread']);
  });

  test.each([
    ['/usr/bin/kubelet', '0:38 /bin/kubelet'],
    ['/usr', '0:38 /'],
    ['/etc/extensions', '0:34 /extensions'],
    ['/var/lib', '8:9 /var/lib'],
  ])('tells what %s is on', (path, expected) => {
    expect(locateOn(parseMountinfo(table))(path)).toBe(expected);
  });

  test('with parents in a circle is told, too', () => {
    const circle = parseMountinfo('1 2 0:1 / / rw - a b c\n2 1 0:2 / / rw - a b c\n3 3 0:3 / /usr rw - a b c\n');
    expect(locateOn(circle)('/usr/bin')).toMatch(/^0:/);
  });
});

describe('A mount table that pods fill', () => {
  const pod = (at: number, name = 'token') =>
    `${1000 + at} 22 0:70 / /var/lib/kubelet/pods/${at}/volumes/${name} rw - tmpfs tmpfs rw,size=1024k\n`;
  const pods = (count: number, name?: string) => Array.from({ length: count }, (_, at) => pod(at, name)).join('');
  const withBytes = (more: string): MadeNode => ({ ...stableNode, [own]: Buffer.from(`${table}${more}`, 'latin1') });

  test.each([
    ['the volumes of some hundred pods', pods(4200)],
    ['a volume whose name is not UTF-8', pod(1, '\xff')],
    ['names of all kinds of bytes in the directory that is mounted', pod(1).replace(' / ', ' /\xc3/\xff\xfe ')],
    ['volumes whose names are not UTF-8, and many of them', pods(4200, '\xff\xfe'.repeat(100))],
  ])('is that of an honest node: %s', async (_, more) => {
    expect(await codesOf(withBytes(more))).toEqual([]);
    expect(await findingsOf(withBytes(more), 'to-be-merged')).toEqual([]);
  });

  test.each([
    ['a mount below /usr', '90 60 8:9 / /usr/\xff rw - ext4 /dev/sda9 rw\n'],
    ['a mount over /etc/extensions', '90 41 8:9 /\xff /etc/extensions rw - ext4 /dev/sda9 rw\n'],
    ['what is mounted over /usr', '90 60 0:71 / /usr rw - tmpfs \xff rw\n'],
  ])('refuses all the same where what counts is not UTF-8: %s', async (_, more) => {
    const findings = await findingsOf(withBytes(pods(3) + more));
    expect(findings.find(({ code }) => code === 'evidence.unread')).toMatchObject({
      reason: 'untrusted',
      actual: 'mountinfo.text',
    });
  });

  test.each([
    ['more lines than Linux allows', pods(100_001), 'more than 100000 lines'],
    [
      'more mounts where evidence looks than it can hold',
      Array.from({ length: 4097 }, (_, at) => `${1000 + at} 41 0:70 / /etc/${at} rw - tmpfs tmpfs rw\n`).join(''),
      'want at most 4096',
    ],
  ])('of %s is no lie: it cannot be judged', async (_, more, message) => {
    await expect(collect(withBytes(more))).rejects.toThrow(
      expect.objectContaining({ code: 'unavailable.node-table', message: expect.stringContaining(message) }),
    );
  });
});

describe('Mapped and loop devices beyond any number cannot be judged', () => {
  test.each<[string, MadeNode]>([
    ['targets of mappings', { '/$dmsetup-table': 'a: 0 8 linear 8:1 0\n'.repeat(4097) }],
    [
      'mappings',
      Object.fromEntries(Array.from({ length: 1025 }, (_, at) => [`/sys/block/dm-${at}/dev`, `254:${at}\n`])),
    ],
    [
      'loop devices',
      { '/$losetup': losetup(Array.from({ length: 1025 }, (_, at) => [`/a/${at}`, at, '8:9'] as const)) },
    ],
  ])('%s', async (_, more) => {
    await expect(collect({ ...stableNode, ...more })).rejects.toThrow(
      expect.objectContaining({ code: 'unavailable.node-table' }),
    );
  });
});

describe('What the boot loader gave to the initrd', () => {
  test('is looked at where it still lies', async () => {
    const node = change(stableNode, { '/.extra/sysext/evil.raw': image('kubernetes.raw') });
    expect(await codesOf(node)).toEqual(['extension.not-merged']);
  });
});

describe('What Flatcar was told to enable', () => {
  test('is told with what became of it', async () => {
    const node = {
      ...stableNode,
      '/usr/share/flatcar/enabled-sysext.conf': 'podman\n# a comment\npython # another\n',
      '/etc/flatcar/enabled-sysext.conf': '-podman\nzfs\n',
      '/etc/extensions/flatcar-zfs.raw': { link: '/dev/null' },
      '/oem/sysext/active-oem-qemu': '',
      '/oem/sysext/oem-qemu-4757.1.0.raw': 'image',
    };
    expect((await collect(node)).flatcar).toEqual({
      enabled: [
        { name: 'python', file: '/usr/share/flatcar/enabled-sysext.conf', link: null },
        { name: 'zfs', file: '/etc/flatcar/enabled-sysext.conf', link: '/dev/null' },
      ],
      disabled: ['podman'],
      activeOem: ['/oem/sysext/active-oem-qemu'],
      oemImages: ['/oem/sysext/oem-qemu-4757.1.0.raw'],
    });
    expect(await codesOf(node)).toEqual([]);
  });

  test('is refused where it is more than anyone enables', async () => {
    const node = { ...stableNode, '/etc/flatcar/enabled-sysext.conf': 'a\n'.repeat(65) };
    expect(await codesOf(node)).toEqual(['evidence.unread']);
  });
});

/** A disk with both slots, of which B was written by an update. */
function disk(): Uint8Array {
  const slot = (label: string, attributes: bigint, firstSector: number) => ({
    typeGuid: '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6',
    guid: `00000000-0000-0000-0000-0000000000${firstSector}`,
    label,
    attributes,
    firstSector,
    sectors: 8,
  });
  const sectors = 256;
  const slots = [slot('USR-A', (1n << 56n) | (1n << 48n), 64), slot('USR-B', (1n << 52n) | (2n << 48n), 80)];
  const { head, tail } = encodeGpt('00000000-0000-0000-0000-000000000001', slots, sectors);
  return Buffer.concat([head, Buffer.alloc(sectors * 512 - head.length - tail.length), tail]);
}

describe('What the platform says', () => {
  test('is told, and refuses nobody', async () => {
    const node = {
      ...stableNode,
      '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
      '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c': '\u0006\0\0\0\u0001',
      '/sys/kernel/security/ima/runtime_measurements_count': '1\n',
      '/usr/lib64/systemd/libsystemd-core-257.so': '',
      '/usr/lib64/systemd/libsystemd-shared-257.so': '',
      '/etc/systemd/system/timers.target.wants/systemd-sysupdate.timer': { link: '/usr/lib/systemd/system/x.timer' },
      '/etc/sysupdate.kubernetes.d/a.conf': '[Transfer]\nVerify=false\n',
      '/sys/dev/block/8:3': { link: '../../devices/pci0/block/sda/sda3' },
      '/sys/devices/pci0/block/sda/sda3/partition': '1\n',
      '/dev/sda': disk(),
    };
    const evidence = await collect(node);
    expect(evidence.platform).toMatchObject({
      lockdown: { value: 'integrity', grade: 'kernel' },
      secureBoot: { value: 'on' },
      imaMeasurements: { value: '1' },
      systemd: { value: '257', grade: 'claimed' },
      sysupdateTimers: ['systemd-sysupdate.timer'],
      unverifiedTransfers: ['/etc/sysupdate.kubernetes.d/a.conf'],
      slots: [
        { label: 'USR-A', number: 1, priority: 1, tries: 0, successful: true, running: true },
        { label: 'USR-B', number: 2, priority: 2, tries: 1, successful: false, running: false },
      ],
      updatePending: true,
      problems: [],
    });
    expect(await codesOf(node)).toEqual([]);
  });

  test('is null where nothing is said', async () => {
    const { platform } = await collect(stableNode);
    expect([platform.lockdown.value, platform.secureBoot.value, platform.updatePending]).toEqual([null, null, null]);
  });

  test.each<[string, MadeNode]>([
    ['a table that is none', { '/dev/sda': Buffer.alloc(4096) }],
    ['a lockdown that is no text', { '/sys/kernel/security/lockdown': Buffer.from([0xff]) }],
  ])('is a problem, and no finding, with %s', async (_, what) => {
    const node = {
      ...stableNode,
      '/sys/dev/block/8:3': { link: '../../devices/pci0/block/sda/sda3' },
      '/sys/devices/pci0/block/sda/sda3/partition': '1\n',
      ...what,
    } as const;
    expect((await collect(node)).platform.problems).not.toEqual([]);
    expect(await codesOf(node)).toEqual([]);
  });
});

test('Evidence of an older layout, without units, is none', async () => {
  const { units, ...rest } = await collect(stableNode);
  expect(units.found.length).toBeGreaterThan(0);
  expect(() => parseEvidence(Buffer.from(JSON.stringify(rest)))).toThrow(/units/);
});
