import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { buildEvidenceIdentity, judgeEvidence, parseEvidence } from '../../pipeline/evidence/index.ts';
import {
  betaNode,
  change,
  dockerRootHash,
  image,
  kubernetesPath,
  losetup,
  mapping,
  type MadeNode,
  type MadeWorldOptions,
  openMadeNode,
  reference,
  replace,
  stableNode,
  textOf,
  usrHash,
  usrTable,
} from './made-node.ts';

const requirements = {
  usrVerity: 'required',
  sysextVerity: false,
  commandLine: 'node-set',
  extensions: 'running',
} as const;

const optLayers = '/run/systemd/sysext/meta/opt:/run/systemd/sysext/extensions/kubernetes/opt:/opt';

async function codesOf(
  node: MadeNode,
  wanted: Partial<Parameters<typeof judgeEvidence>[1]> = {},
  options: MadeWorldOptions = {},
): Promise<readonly string[]> {
  const evidence = await collectEvidence(openMadeNode(node, options));
  expect(parseEvidence(Buffer.from(JSON.stringify(evidence)))).toEqual(evidence);
  const own = buildEvidenceIdentity(evidence);
  const { findings } = judgeEvidence(evidence, { ...requirements, ...wanted }, reference);
  return [...('findings' in own ? own.findings : []), ...findings].map((finding) => finding.code);
}

describe('An honest node', () => {
  test.for([
    ['Flatcar stable, squashfs extensions', stableNode],
    ['Flatcar beta, extensions with verity and /etc as a confext', betaNode],
  ] as const)('%s, has no finding', async ([, node]) => {
    expect(await codesOf(node)).toEqual([]);
  });

  test('has an identity with the kernel as the source of its usr hash and its release', async () => {
    const evidence = await collectEvidence(openMadeNode(stableNode));
    const own = buildEvidenceIdentity(evidence);
    if ('findings' in own) throw new TypeError('no identity');
    expect(own.identity.os).toEqual({
      id: 'flatcar',
      versionId: '4757.1.0',
      buildId: '2026-08-11-2350',
      architecture: 'x86-64',
      usrHash,
    });
    expect(own.identity.sysexts.map((member) => member.name)).toEqual(['containerd-flatcar', 'kubernetes']);
    expect([own.gradeOf('os.usrHash'), own.gradeOf('os.versionId'), own.grade]).toEqual([
      'kernel',
      'kernel',
      'claimed',
    ]);
  });

  test('that runs an extension from verity knows it from the kernel', async () => {
    const own = buildEvidenceIdentity(await collectEvidence(openMadeNode(betaNode)));
    if ('findings' in own) throw new TypeError('no identity');
    expect(own.identity.sysexts[0]).toMatchObject({ name: 'docker-flatcar', rootHash: dockerRootHash });
    expect(own.gradeOf('sysexts.docker-flatcar')).toBe('kernel');
    expect(own.gradeOf('sysexts.kubernetes.sha256')).toBe('claimed');
    expect(own.identity.confexts.map((member) => member.name)).toEqual(['00-flatcar-default']);
  });

  test('whose kernel prints the mount table from new to old is read alike', async () => {
    const reversed = textOf(stableNode, '/proc/self/mountinfo').trimEnd().split('\n').reverse().join('\n');
    expect(await codesOf({ ...stableNode, '/proc/self/mountinfo': `${reversed}\n` })).toEqual([]);
  });

  test('that was merged again while it ran has loop devices under paths of a mount that is gone', async () => {
    const node = replace(stableNode, '/$losetup', '"/usr/share/flatcar', '"/share/flatcar');
    expect(await codesOf(node)).toEqual([]);
  });

  test('with the layers of its overlay told one by one is read alike', async () => {
    const node = replace(
      stableNode,
      '/proc/self/mountinfo',
      /lowerdir=(\/run\/systemd\S*)/,
      (_: string, layers: string) =>
        layers
          .split(':')
          .map((layer) => `lowerdir+=${layer}`)
          .join(','),
    );
    expect(await codesOf(node)).toEqual([]);
  });

  test('with an extension that reaches into /opt sees its own images through a merge there', async () => {
    const node = mergedIntoOpt();
    const through = { content: image('kubernetes.raw'), inode: 131_080, device: '0:53' };
    expect(await codesOf(change(node, { [kubernetesPath]: through }))).toEqual([]);
    expect(await codesOf(change(stableNode, { [kubernetesPath]: through }))).toEqual(['extension.swapped']);
  });

  test.each([
    ['over the /opt that the node has', optLayers],
    ['over an empty /opt, which is no layer', optLayers.replace(/:\/opt$/, '')],
    ['in the initrd', optLayers.replace(/:\/opt$/, ':/sysroot/opt')],
  ])('may have extensions merged into /opt %s', async (_, layers) => {
    expect(await codesOf(mergedIntoOpt(layers))).toEqual([]);
  });

  test('may have anything in /opt where nothing is merged into it', async () => {
    const node = { ...stableNode, '/opt/.systemd-sysext/extensions': 'x', '/opt/cni/bin/bridge': 'x' };
    expect(await codesOf(node)).toEqual([]);
  });

  test('may have an image that ends within a block, of which the loop device shows less', async () => {
    const content = Buffer.concat([image('kubernetes.raw'), Buffer.alloc(100)]);
    const node = change(betaNode, { [kubernetesPath]: { content, inode: 131_080, device: '8:9' } });
    expect(await codesOf(node)).toEqual([]);
  });

  test('may run loop devices of others, with inodes that files in /usr have too', async () => {
    const node = replace(
      stableNode,
      '/$losetup',
      ']}',
      ',{"name":"/dev/loop9","maj:min":"7:9","back-file":"/var/lib/volumes/a","back-ino":1041,"back-maj:min":"8:17","offset":0,"autoclear":false}]}',
    );
    expect(await codesOf(node)).toEqual([]);
  });

  test('may be looked at while a disk is unlocked, whose mapping has no table yet', async () => {
    const mapped = change(stableNode, mapping('dm-7', '254:7', 'crypt-data', 0));
    const withLine = (path: string) => `crypt-data: \n${textOf(stableNode, path)}`;
    const node = {
      ...mapped,
      '/$dmsetup-table': withLine('/$dmsetup-table'),
      '/$dmsetup-status': withLine('/$dmsetup-status'),
    };
    expect(await codesOf(node)).toEqual([]);
  });

  test('of another layout names its extensions with the class in the file name', async () => {
    const node = change(stableNode, {
      '/etc/extensions/kubernetes.raw': undefined,
      '/var/lib/extensions/kubernetes.sysext.raw': { link: kubernetesPath },
    });
    expect(await codesOf(node)).toEqual([]);
  });
});

const rw = { content: image('kubernetes.raw'), inode: 131_080, device: '8:9' };

/** Each lie with the one code that names it. */
const lies: Readonly<
  Record<
    string,
    readonly [code: string, node: MadeNode, wanted?: Partial<typeof requirements> | { sysextVerity: true }]
  >
> = {
  '/usr runs from a plain partition': [
    'usr.no-verity',
    replace(
      stableNode,
      '/proc/self/mountinfo',
      '0:29 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr',
      '8:3 / /usr ro - ext4 /dev/sda3',
    ),
  ],
  'a mapping named usr is not what /usr runs from': [
    'usr.device',
    replace(stableNode, '/proc/self/mountinfo', '0:29 / /usr ro,relatime shared:2 - btrfs', '8:3 / /usr ro - ext4'),
  ],
  'the mapping goes on behind verity with a plain device': [
    'usr.table',
    change(stableNode, {
      '/$dmsetup-table': `usr: ${usrTable}\nusr: 2080752 100 linear 8:9 0\n`,
      '/$dmsetup-status': 'usr: 0 2080752 verity V\nusr: 2080752 100 linear\n',
      '/sys/block/dm-0/size': '2080852\n',
    }),
  ],
  'the device is longer than its verity target': ['usr.table', { ...stableNode, '/sys/block/dm-0/size': '2080760\n' }],
  'corrupted blocks are let through': [
    'usr.verity-option',
    replace(stableNode, '/$dmsetup-table', '1 panic_on_corruption', '1 ignore_corruption'),
  ],
  'blocks are checked once only': [
    'usr.verity-option',
    replace(stableNode, '/$dmsetup-table', '1 panic_on_corruption', '2 panic_on_corruption check_at_most_once'),
  ],
  'an option nobody knows hides behind a value': [
    'usr.verity-option',
    replace(stableNode, '/$dmsetup-table', '1 panic_on_corruption', '3 fec_roots 2 ignore_corruption'),
  ],
  'the kernel saw corruption': ['usr.verity-status', replace(stableNode, '/$dmsetup-status', 'verity V', 'verity C')],
  'the salt is not the signed one': [
    'usr.verity-parameters',
    replace(stableNode, '/$dmsetup-table', 'ababab', 'cdabab'),
  ],
  'a program is covered by a bind mount': [
    'usr.mounted-over',
    addMount('70 60 8:9 /evil/kubelet /usr/bin/kubelet rw - ext4 /dev/sda9 rw'),
  ],
  'a file system lies over the merge': ['usr.mounted-over', addMount('70 60 0:50 / /usr rw - tmpfs tmpfs rw')],
  'an overlay that is not of systemd lies over the merge': [
    'usr.mounted-over',
    addMount('70 60 0:50 / /usr rw - overlay overlay rw,lowerdir=/usr,upperdir=/tmp/u,workdir=/tmp/w'),
  ],
  '/usr is only a directory of its file system': [
    'usr.mounted-over',
    replace(stableNode, '/proc/self/mountinfo', '0:29 / /usr', '0:29 /share/flatcar /usr'),
  ],
  '/usr can be written': [
    'usr.writable',
    replace(stableNode, '/proc/self/mountinfo', '/usr ro,relatime shared:2', '/usr rw,relatime shared:2'),
  ],
  'the command line names two usr hashes': [
    'command-line.usr-hash',
    replace(stableNode, '/proc/cmdline', 'verity.usrhash=', `verity.usrhash=${'00'.repeat(32)} verity.usrhash=`),
  ],
  'the command line names the usr hash twice': [
    'command-line.usr-hash',
    replace(stableNode, '/proc/cmdline', 'verity.usrhash=', `verity.usrhash=${usrHash} verity.usrhash=`),
  ],
  'the command line names another usr hash than is mapped': [
    'command-line.usr-hash',
    replace(stableNode, '/proc/cmdline', /verity.usrhash=\w+/, `verity.usrhash=${'11'.repeat(32)}`),
  ],
  'the boot was handed to another init': [
    'command-line.denied',
    replace(stableNode, '/proc/cmdline', 'console=tty0', 'init=/opt/bin/evil'),
  ],
  'the boot was handed to a shell of the initrd, in quotes that only the kernel sees': [
    'command-line.denied',
    replace(stableNode, '/proc/cmdline', 'console=tty0', 'console="tty0 rd.break x"'),
  ],
  'a usr hash is hidden in quotes that only the kernel sees': [
    'command-line.usr-hash',
    replace(stableNode, '/proc/cmdline', 'console=tty0', `console="tty0 verity.usrhash=${'11'.repeat(32)} x"`),
  ],
  'init was given another environment': [
    'command-line.denied',
    replace(stableNode, '/proc/cmdline', 'console=tty0', 'LD_PRELOAD=/var/lib/evil.so'),
  ],
  'a kernel argument is not in the grammar': [
    'command-line.unlisted',
    replace(stableNode, '/proc/cmdline', 'console=tty0', 'nosmt'),
  ],
  'there is no command line': ['evidence.missing', change(stableNode, { '/proc/cmdline': undefined })],
  'a merged image is gone': ['extension.vanished', change(stableNode, { '/etc/extensions/kubernetes.raw': undefined })],
  'a merged image is masked now': [
    'extension.vanished',
    change(stableNode, { '/etc/extensions/kubernetes.raw': { link: '/dev/null' } }),
  ],
  'two images may be what is merged': [
    'extension.ambiguous',
    change(stableNode, { '/etc/extensions/kubernetes.sysext.raw': { link: kubernetesPath } }),
  ],
  'a merged extension is a directory': [
    'extension.directory',
    change(stableNode, {
      '/etc/extensions/kubernetes.raw': undefined,
      '/var/lib/extensions/kubernetes/usr/bin/kubelet': 'evil',
    }),
  ],
  'a merged extension is picked from versions': [
    'extension.directory',
    change(stableNode, {
      '/etc/extensions/kubernetes.raw': undefined,
      '/var/lib/extensions/kubernetes.raw.v/kubernetes_1.raw': rw,
    }),
  ],
  'a merged extension is a disk': [
    'extension.directory',
    change(stableNode, {
      '/etc/extensions/kubernetes.raw': undefined,
      '/etc/extensions/kubernetes': { kind: 'block-device' },
    }),
  ],
  'an image was replaced after the merge': [
    'extension.swapped',
    change(stableNode, { [kubernetesPath]: { ...rw, inode: 131_099 } }),
  ],
  'the merged image was unlinked': [
    'extension.swapped',
    replace(stableNode, '/$losetup', kubernetesPath, `${kubernetesPath} (deleted)`),
  ],
  'the loop device shows something else than the file': [
    'extension.swapped',
    { ...betaNode, '/dev/loop1': image('shadow.raw') },
  ],
  'a loop device was made by hand over the right image': [
    'extension.backing-unknown',
    change(stableNode, {
      '/$losetup': losetup([['/usr/share/flatcar/sysext/containerd-flatcar.raw', 1041, '0:30']]).replace(
        ']}',
        `,{"name":"/dev/loop7","maj:min":"7:7","back-file":"${kubernetesPath}","back-ino":131080,"back-maj:min":"8:9","offset":0,"autoclear":false}]}`,
      ),
    }),
  ],
  'the loop device starts behind the right image': [
    'extension.backing-unknown',
    replace(stableNode, '/$losetup', /"offset":0(?=[^{]*$)/, '"offset":4096'),
  ],
  'a masked extension lies in a directory that the mask does not reach': [
    'extension.not-merged',
    change(stableNode, { '/var/lib/extensions/docker-flatcar.raw': image('docker-flatcar.raw') }),
  ],
  'an image waits for the next merge': [
    'extension.not-merged',
    change(stableNode, { '/run/extensions/backdoor.raw': image('kubernetes.raw') }),
  ],
  'a directory waits for the next merge': [
    'extension.not-merged',
    change(stableNode, { '/var/lib/extensions/backdoor/usr/bin/kubelet': 'evil' }),
  ],
  'a directory poses as the image of another directory': [
    'extension.not-merged',
    change(stableNode, { '/var/lib/extensions/kubernetes.raw/usr/bin/kubelet': 'evil' }),
  ],
  'a disk waits for the next merge': [
    'extension.not-merged',
    change(stableNode, { '/etc/extensions/sdb': { kind: 'block-device' } }),
  ],
  'a confext waits for the next merge': [
    'extension.not-merged',
    change(stableNode, { '/run/confexts/backdoor.raw': image('00-flatcar-default.raw') }),
  ],
  'an extension ships an os-release': [
    'extension.forbidden-path',
    change(
      replace(
        replace(
          replace(stableNode, '/usr/.systemd-sysext/extensions', 'kubernetes', 'shadow'),
          '/proc/self/mountinfo',
          'extensions/kubernetes',
          'extensions/shadow',
        ),
        '/$losetup',
        kubernetesPath,
        '/opt/shadow.raw',
      ),
      {
        '/etc/extensions/kubernetes.raw': undefined,
        '/etc/extensions/shadow.raw': { link: '/opt/shadow.raw' },
        '/opt/shadow.raw': { content: image('shadow.raw'), inode: 131_080, device: '8:9' },
      },
    ),
  ],
  'an image is malformed': [
    'extension.unreadable',
    change(stableNode, { [kubernetesPath]: { ...rw, content: Buffer.alloc(4096, 'evil') } }),
  ],
  'an image may not be read': [
    'extension.unreadable',
    change(stableNode, { [kubernetesPath]: { ...rw, content: unreadable(kubernetesPath).fault } }),
  ],
  'an extension runs without the verity that the policy wants': [
    'extension.no-verity',
    betaNode,
    { sysextVerity: true },
  ],
  'the mapping of an extension is over another device': [
    'extension.no-verity',
    replace(betaWithoutKubernetes(), '/$dmsetup-table', '259:0 259:1', '259:8 259:9'),
    { sysextVerity: true },
  ],
  'the mapping of an extension goes on with a plain device': [
    'extension.table',
    change(betaNode, {
      '/$dmsetup-table': `${textOf(betaNode, '/$dmsetup-table')}loop0p1-verity: 16 8 linear 8:9 0\n`,
    }),
  ],
  'the mapping of a confext saw corruption': [
    'extension.verity-option',
    replace(betaNode, '/$dmsetup-status', /(loop2p1-verity.*)V/, '$1C'),
  ],
  '/usr runs from a linear mapping': [
    'usr.no-verity',
    replace(stableNode, '/$dmsetup-table', /verity.*/, 'linear 8:3 0'),
  ],
  'the mapping of an extension forgives': [
    'extension.verity-option',
    replace(betaNode, '/$dmsetup-table', /(loop0p1-verity.*)$/m, '$1 1 restart_on_corruption_not'),
  ],
  'the mapping of an extension saw corruption': [
    'extension.verity-option',
    replace(betaNode, '/$dmsetup-status', /(loop0p1-verity.*)V/, '$1C'),
  ],
  'the merge can be written': [
    'extension.mutable',
    replace(
      addMount('61 60 0:38 /.systemd-sysext /usr/.systemd-sysext ro - overlay sysext rw'),
      '/proc/self/mountinfo',
      ':/usr',
      ':/usr,upperdir=/var/lib/extensions.mutable/usr,workdir=/var/lib/extensions.mutable/.systemd-usr-workdir',
    ),
  ],
  'the mapping under /usr has no table': [
    'usr.no-verity',
    replace(stableNode, '/$dmsetup-table', /^usr: .*/m, 'usr: '),
  ],
  'other extensions are merged into /opt than into /usr': [
    'extension.merge-record',
    {
      ...mergedIntoOpt('/run/systemd/sysext/meta/opt:/run/systemd/sysext/extensions/evil/opt:/opt'),
      '/opt/.systemd-sysext/extensions': 'evil',
    },
  ],
  'one extension more is merged into /opt than into /usr': [
    'extension.merge-record',
    { ...mergedIntoOpt(), '/opt/.systemd-sysext/extensions': 'containerd-flatcar\nevil\nkubernetes' },
  ],
  'extensions are merged into /opt, and none into /usr': [
    'extension.merge-record',
    change(
      replace(
        change(mergedIntoOpt(), {
          '/etc/extensions/kubernetes.raw': undefined,
          '/etc/extensions/containerd-flatcar.raw': undefined,
          '/usr/.systemd-sysext/extensions': undefined,
          '/usr/.systemd-sysext/dev': undefined,
        }),
        '/proc/self/mountinfo',
        /^60 .*\n/m,
        '',
      ),
      { '/$losetup': '' },
    ),
  ],
  'an extension is merged into /opt that no record has': [
    'extension.foreign-layer',
    mergedIntoOpt('/run/systemd/sysext/meta/opt:/run/systemd/sysext/extensions/evil/opt:/opt'),
  ],
  'the /usr of an extension is merged into /opt': [
    'extension.foreign-layer',
    mergedIntoOpt('/run/systemd/sysext/meta/opt:/run/systemd/sysext/extensions/kubernetes/usr:/opt'),
  ],
  'a directory that anyone fills is merged into /opt': [
    'extension.foreign-layer',
    mergedIntoOpt('/run/systemd/sysext/meta/opt:/var/lib/extensions.mutable/opt:/opt'),
  ],
  'the merge into /opt can be written': [
    'extension.mutable',
    mergedIntoOpt(`${optLayers},upperdir=/var/lib/extensions.mutable/opt`),
  ],
  'the merge into /opt has no record': [
    'extension.merge-record',
    change(mergedIntoOpt('/run/systemd/sysext/meta/opt:/opt'), { '/opt/.systemd-sysext/extensions': undefined }),
  ],
  'the record in /opt is of another overlay': [
    'extension.merge-record',
    { ...mergedIntoOpt(), '/opt/.systemd-sysext/dev': '0:99' },
  ],
  'extensions are merged into /opt twice': [
    'extension.foreign-layer',
    replace(mergedIntoOpt(), '/proc/self/mountinfo', /^62 22 0:52 (.*)$/m, '61 22 0:51 $1\n62 61 0:52 $1'),
  ],
  'a directory that anyone fills is merged': [
    'extension.foreign-layer',
    replace(stableNode, '/proc/self/mountinfo', 'meta/usr:', 'meta/usr:/var/lib/extensions.mutable/usr:'),
  ],
  'an extension is merged that the record leaves out': [
    'extension.foreign-layer',
    replace(stableNode, '/proc/self/mountinfo', 'meta/usr:', 'meta/usr:/run/systemd/sysext/extensions/backdoor/usr:'),
  ],
  'the record of the merge is of another overlay': [
    'extension.merge-record',
    { ...stableNode, '/usr/.systemd-sysext/dev': '0:99' },
  ],
  'an extension directory may not be read': [
    'evidence.unread',
    change(stableNode, { '/run/extensions': unreadable('/run/extensions') }),
  ],
};

describe('A node that lies', () => {
  test.for(Object.entries(lies))('%s', async ([, [code, node, wanted]]) => {
    expect(new Set(await codesOf(node, wanted))).toEqual(new Set([code]));
  });
});

/** Where something cannot be looked at, what it would have shown is missing too: several codes, one cause. */
describe('What cannot be looked at refuses', () => {
  test.for([
    ['a mount table that does not parse', { ...stableNode, '/proc/self/mountinfo': 'junk\n' }],
    ['no mount table', change(stableNode, { '/proc/self/mountinfo': undefined })],
    ['device-mapper tables that do not parse', { ...stableNode, '/$dmsetup-table': 'junk' }],
    ['no dmsetup', change(stableNode, { '/$dmsetup-table': undefined })],
    ['loop devices that do not parse', { ...stableNode, '/$losetup': '{"loopdevices": 1}' }],
    ['a command line that is no text', { ...stableNode, '/proc/cmdline': Buffer.from([0xff, 0x20]) }],
    ['a /usr that cannot be opened', { ...stableNode, '/dev/block/254:0': unreadable('/dev/block/254:0') }],
    ['a /usr that is no file system', { ...stableNode, '/dev/block/254:0': Buffer.alloc(8192) }],
    [
      'a record of the merge that is a directory',
      change(stableNode, { '/usr/.systemd-sysext/extensions': { kind: 'directory' } }),
    ],
    [
      'an image whose place cannot be told',
      change(stableNode, { '/etc/extensions/x.raw': unreadable('/etc/extensions/x.raw') }),
    ],
  ] as const)('%s', async ([, node]) => {
    expect(await codesOf(node)).toContain('evidence.unread');
  });

  test('mounts that change meanwhile', async () => {
    const world = openMadeNode(stableNode);
    const later = openMadeNode(addMount('70 60 0:50 / /usr rw - tmpfs tmpfs rw'));
    let readings = 0;
    const evidence = await collectEvidence({
      ...world,
      readBytes: (path, maxBytes) =>
        (path === '/proc/self/mountinfo' && ++readings > 1 ? later : world).readBytes(path, maxBytes),
    });
    const { findings } = judgeEvidence(evidence, requirements, reference);
    expect(findings.map((finding) => finding.code)).toEqual(['evidence.unread']);
  });

  test('no losetup leaves every extension without its backing', async () => {
    const codes = await codesOf(change(stableNode, { '/$losetup': undefined }));
    expect(codes).toEqual(['extension.backing-unknown', 'extension.backing-unknown']);
  });

  test('no status of the mappings', async () => {
    expect(await codesOf(change(stableNode, { '/$dmsetup-status': undefined }))).toEqual(['usr.verity-status']);
  });

  test('no architecture makes no identity', async () => {
    expect(await codesOf(stableNode, {}, { architecture: null })).toEqual(['evidence.missing']);
  });
});

describe('A node without extensions', () => {
  const bare = change(stableNode, {
    '/usr/.systemd-sysext/extensions': undefined,
    '/usr/.systemd-sysext/dev': undefined,
    '/etc/extensions/kubernetes.raw': undefined,
    '/etc/extensions/containerd-flatcar.raw': undefined,
    '/$losetup': '',
  });
  const unmerged = replace(bare, '/proc/self/mountinfo', /^60 .*\n/m, '');

  test('has no finding', async () => {
    expect(await codesOf(unmerged)).toEqual([]);
  });

  test('has no record for the overlay that is mounted', async () => {
    expect(await codesOf(bare)).toContain('extension.merge-record');
  });

  test('shows fifos, sockets, dangling links and other files in its extension directories, which systemd passes over', async () => {
    const node = change(unmerged, {
      '/etc/extensions/fifo.raw': { kind: 'other' },
      '/etc/extensions/away.raw': { link: '/nowhere' },
      '/etc/extensions/circle.raw': { link: 'circle.raw' },
      '/etc/extensions/README': 'put extensions here',
      '/etc/extensions/null': { kind: 'character-device' },
    });
    expect(await codesOf(node)).toEqual([]);
  });

  test('may boot without verity where the policy waives it', async () => {
    const node = change(
      replace(unmerged, '/proc/self/mountinfo', /0:29 .* - btrfs \S+/, '7:9 / /usr ro - squashfs /dev/loop9'),
      {
        '/proc/cmdline': 'mount.usrflags=ro\n',
      },
    );
    expect(await codesOf(node)).toEqual(['usr.no-verity']);
    expect(await codesOf(node, { usrVerity: 'absent-allowed' })).toEqual([]);
  });
});

/** The stable node, whose kubernetes extension has an /opt. systemd records the names of all extensions there, too. */
function mergedIntoOpt(layers = optLayers): MadeNode {
  return {
    ...addMount(`62 22 0:52 / /opt ro,nodev - overlay sysext ro,lowerdir=${layers}`),
    '/opt/.systemd-sysext/extensions': textOf(stableNode, '/usr/.systemd-sysext/extensions'),
    '/opt/.systemd-sysext/dev': '0:52',
  };
}

function addMount(line: string): MadeNode {
  return { ...stableNode, '/proc/self/mountinfo': `${textOf(stableNode, '/proc/self/mountinfo')}${line}\n` };
}

function unreadable(path: string) {
  return { fault: new Fault('file.permission', `Cannot look at ${path}: permission denied`) } as const;
}

function betaWithoutKubernetes(): MadeNode {
  return change(
    replace(
      replace(betaNode, '/usr/.systemd-sysext/extensions', '\nkubernetes', ''),
      '/proc/self/mountinfo',
      '/run/systemd/sysext/extensions/kubernetes/usr:',
      '',
    ),
    { '/etc/extensions/kubernetes.raw': undefined },
  );
}
