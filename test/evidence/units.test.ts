import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { Digest, Fault } from '../../pipeline/core/index.ts';
import { judgeEvidence, watchedUnits } from '../../pipeline/evidence/index.ts';
import { listInstallation, mergingUnits, ownUnits, requiredUnits } from '../../pipeline/installation/index.ts';
import { change, type MadeNode, openMadeNode, reference, replace, stableNode } from './made-node.ts';
import { etc, installedNode, installedWith, stockNode, token } from './made-units.ts';

const requirements = {
  usrVerity: 'required',
  sysextVerity: false,
  commandLine: 'node-set',
  extensions: 'running',
} as const;

async function findingsOf(node: MadeNode) {
  return judgeEvidence(await collectEvidence(openMadeNode(node)), requirements, reference).findings;
}

const codesOf = async (node: MadeNode) => [...new Set((await findingsOf(node)).map(({ code }) => code))];

async function unitOf(name: string, node: MadeNode = installedNode) {
  const { units } = await collectEvidence(openMadeNode(node), { digestPrograms: true });
  const unit = units.found.find((one) => one.name === name);
  if (unit === undefined) throw new TypeError(`no ${name}`);
  return unit;
}

describe('Units that are as they should be', () => {
  test.each([
    ['a stock node with the documented kubeadm.service', stockNode],
    ['the same with our units installed', installedNode],
    ['a node with the strictest settings', installedWith({ strict: true, enforce: true, stores: [] })],
    ['a node that a refusal stops kubelet on', installedWith({ strict: false, enforce: true, stores: [] })],
    [
      'a node that asks several stores, whose names systemd would take apart',
      installedWith({
        strict: true,
        enforce: false,
        stores: ['oci:a.example/b', 'directory:/srv/a "b" \\ 5%i $HOME ü'],
      }),
    ],
    [
      'a node whose administrator merges under an image policy, and for longer',
      change(installedNode, {
        [`${etc}/systemd-sysext.service.d/50-policy.conf`]:
          '[Service]\nExecStart=\nExecStart=systemd-sysext refresh --image-policy=root=signed:usr=signed\nTimeoutStartSec=300\n',
      }),
    ],
    [
      'a node whose image does something before it merges',
      change(installedNode, {
        '/usr/lib/systemd/system/systemd-sysext.service.d/10-image.conf':
          '[Service]\nExecStartPre=/usr/bin/true\nEnvironment=A=b\n',
      }),
    ],
    [
      'a stock node whose administrator does',
      change(stockNode, {
        [`${etc}/systemd-sysext.service.d/50-own.conf`]: '[Service]\nExecStartPre=/usr/bin/true\nEnvironment=A=b\n',
      }),
    ],
    [
      'a node that Cluster API set up, whose kubeadm.service runs a script',
      change(installedNode, {
        [`${etc}/kubeadm.service`]:
          '[Unit]\nConditionPathExists=/etc/kubeadm.yml\n[Service]\nType=oneshot\nExecStart=/etc/kubeadm.sh\n',
        '/etc/kubeadm.sh': '#!/bin/sh\nkubeadm join --config /etc/kubeadm.yml\n',
      }),
    ],
    [
      'a node whose administrator makes our units polite, gives all services a proxy, and binds what is not /usr',
      change(installedNode, {
        [`${etc}/nodeproof-join.service.d/50-polite.conf`]: '[Service]\nNice=5\nTimeoutStopSec=20\n',
        [`${etc}/service.d/10-proxy.conf`]: '[Service]\nEnvironment=HTTPS_PROXY=http://a no_proxy=b%%20c\n',
        [`${etc}/containerd.service.d/50-bind.conf`]: '[Service]\nBindPaths=/mnt/containerd:/var/lib/containerd\n',
      }),
    ],
    [
      'a node that does not use a unit that merges',
      change(installedNode, { [`${etc}/systemd-sysext.service`]: { link: '/dev/null' } }),
    ],
    [
      'a node whose extensions are not merged yet, and whose programs are not there',
      change(installedNode, { '/usr/bin/kubelet': undefined, '/usr/bin/kubeadm': undefined }),
    ],
    [
      'a node where kubeadm or somebody else wrote a value that is no text for kubelet',
      { ...installedNode, '/var/lib/kubelet/kubeadm-flags.env': Buffer.from('A="\xff"\nB=c\n', 'latin1') },
    ],
    ['a node without any of these units', stableNode],
  ])('give no finding: %s', async (_, node) => {
    expect(await findingsOf(node)).toEqual([]);
  });

  test('are the ones that node install writes', () => {
    const { files } = listInstallation({ strict: true, enforce: true, stores: ['oci:registry.example/a'] });
    const names = files.map(({ path }) => path.slice(etc.length + 1));
    expect([...ownUnits].toSorted()).toEqual(names.filter((name) => !name.includes('/')).toSorted());
    expect(ownUnits.filter((name) => !requiredUnits.includes(name))).toEqual([
      'nodeproof-refresh.service',
      'nodeproof-refresh.timer',
    ]);
    expect([...ownUnits, ...mergingUnits].filter((name) => !watchedUnits.includes(name))).toEqual([]);
    const over = names.filter((name) => name.includes('/')).map((name) => name.split('.d/')[0]);
    expect(over.filter((name) => !watchedUnits.includes(name ?? ''))).toEqual([]);
  });
});

describe('The units in evidence', () => {
  test('have their drop-ins, what counts of them, and what they run', async () => {
    const unit = await unitOf('kubelet.service');
    expect(unit).toMatchObject({
      state: 'loaded',
      fragment: '/usr/lib/systemd/system/kubelet.service',
      dropIns: [
        { path: '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf' },
        { path: `${etc}/kubelet.service.d/10-nodeproof.conf`, sets: ['Requires', 'After', 'AssertFileNotEmpty'] },
        { path: '/usr/lib/systemd/system/service.d/10-timeout-abort.conf' },
      ],
      text: null,
      ownDropIn: { path: `${etc}/kubelet.service.d/10-nodeproof.conf` },
    });
    expect(unit.settings.filter(({ name }) => name === 'ExecStart')).toHaveLength(1);
    expect(unit.environment.map(({ name }) => name)).toEqual(['KUBELET_KUBECONFIG_ARGS', 'KUBELET_KUBEADM_ARGS']);
    expect(unit.programs).toEqual([
      {
        path: '/usr/bin/kubelet',
        resolvedPath: '/usr/bin/kubelet',
        sha256: {
          value: Digest.of('sha256', Buffer.from('kubelet')).hex,
          grade: 'claimed',
          source: '/usr/bin/kubelet',
        },
      },
    ]);
  });

  test('have the whole text of ours, and of ours alone', async () => {
    const name = 'nodeproof-check.timer';
    expect(await unitOf(name)).toMatchObject({ text: installedNode[`${etc}/${name}`], ownDropIn: null });
    const text = JSON.stringify(
      await collectEvidence(
        openMadeNode({
          ...inOwn('nodeproof-refresh.service', 'Environment=HTTPS_PROXY=http://user:hunter2@proxy.example'),
          [`${etc}/kubelet.service.d/10-nodeproof.conf`]: '[Service]\nEnvironment=KEY=hunter2\n',
        }),
      ),
    );
    expect(text).toContain('HTTPS_PROXY');
    expect(text).not.toContain('hunter2');
  });

  test('keep no token and no key', async () => {
    const text = JSON.stringify(await collectEvidence(openMadeNode(installedNode)));
    expect(text).toContain('--discovery-token-ca-cert-hash sha256:');
    expect(text).not.toContain(token);
    expect(text).not.toContain('0011223344');
  });
});

const dropIn = (unit: string, text: string, name = '99-evil.conf', directory = etc): MadeNode => ({
  ...installedNode,
  [`${directory}/${unit}.d/${name}`]: text,
});

/** A line more in the last section of a unit of ours, or before a line of it. */
function inOwn(unit: string, line: string, before?: string): MadeNode {
  const path = `${etc}/${unit}`;
  return replace(installedNode, path, before ?? /$/, before === undefined ? `${line}\n` : `${line}\n${before}`);
}

const without = (...paths: readonly string[]) =>
  change(installedNode, Object.fromEntries(paths.map((path) => [`${etc}/${path}`, undefined])));

const lies: Readonly<Record<string, readonly [code: string, node: MadeNode]>> = {
  'the guard is masked': [
    'unit.masked',
    change(installedNode, { [`${etc}/nodeproof-guard.service`]: { link: '/dev/null' } }),
  ],
  'the guard is masked until the next boot': [
    'unit.masked',
    { ...installedNode, '/run/systemd/system.control/nodeproof-guard.service': { link: '/dev/null' } },
  ],
  'an empty file masks': ['unit.masked', { ...installedNode, '/run/systemd/transient/nodeproof-join.service': '' }],
  'a generator writes another unit': [
    'unit.replaced',
    {
      ...installedNode,
      '/run/systemd/generator.early/nodeproof-join.service':
        '[Service]\nExecStart=/var/lib/nodeproof/bin/nodeproof x\n',
    },
  ],
  'a unit of ours is a link': [
    'unit.replaced',
    {
      ...installedNode,
      [`${etc}/nodeproof-join.service`]: { link: '/opt/join.service' },
      '/opt/join.service': '[Service]\nExecStart=/usr/bin/true\n',
    },
  ],
  'a unit of ours runs something else': [
    'unit.replaced',
    replace(
      installedNode,
      `${etc}/nodeproof-join.service`,
      'ExecStart=/var/lib/nodeproof/bin/nodeproof',
      'ExecStart=/usr/bin/true',
    ),
  ],
  'a unit of ours runs what only begins alike': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-join.service`, 'bin/nodeproof node', 'bin/nodeproof-of-mine node'),
  ],
  'a unit of ours ignores the exit code': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-join.service`, 'ExecStart=', 'ExecStart=-'),
  ],
  'a unit of ours takes failure for success in its own file': [
    'unit.replaced',
    inOwn('nodeproof-join.service', 'SuccessExitStatus=1 2 3 4'),
  ],
  'a unit of ours has a condition that skips it in its own file': [
    'unit.replaced',
    inOwn('nodeproof-join.service', 'ConditionPathExists=/nonexistent', '\n[Service]'),
  ],
  'a unit of ours has the program say something else': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-verify.service`, 'node verify --boot', 'policy explain'),
  ],
  'a unit of ours guards another root': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-guard.service`, 'node guard', 'node guard --root /srv/decoy'),
  ],
  'a unit of ours asks another policy': [
    'unit.replaced',
    replace(
      installedNode,
      `${etc}/nodeproof-join.service`,
      '--policy /var/lib/nodeproof/policy.yaml',
      '--policy /etc/evil.yaml',
    ),
  ],
  'a unit of ours gives itself a library': [
    'unit.replaced',
    inOwn('nodeproof-check.service', 'Environment=LD_PRELOAD=/mnt/evil.so'),
  ],
  'a unit of ours does not take its environment away': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-join.service`, /^UnsetEnvironment=.*\n/m, ''),
  ],
  'the look four times an hour is once a century': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-check.timer`, 'OnUnitActiveSec=15min', 'OnUnitActiveSec=100y'),
  ],
  'changes are looked for elsewhere': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-check.path`, 'PathChanged=/etc/extensions', 'PathChanged=/srv'),
  ],
  'newer bundles are fetched into another place': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-refresh.service`, '--state /var/lib', '--state /srv'),
  ],
  'newer bundles are fetched from a store that begins a setting': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-refresh.service`, 'oci:', '\rExecStartPre=/mnt/evil\r'),
  ],
  'newer bundles are fetched from a store that systemd expands': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-refresh.service`, 'oci:', 'oci:%H$A'),
  ],
  'the timer of the refresh runs never': [
    'unit.replaced',
    replace(installedNode, `${etc}/nodeproof-refresh.timer`, 'OnUnitActiveSec=12h', 'OnUnitActiveSec=100y'),
  ],
  'the timer of the hourly look is masked': [
    'unit.masked',
    change(installedNode, { [`${etc}/nodeproof-check.timer`]: { link: '/dev/null' } }),
  ],
  'a drop-in over the timer puts it off': [
    'unit.hollowed',
    dropIn('nodeproof-check.timer', '[Timer]\nOnUnitActiveSec=\nOnUnitActiveSec=100y\n'),
  ],
  'the guard is gone': ['unit.missing', without('nodeproof-guard.service')],
  'what looks again is gone': [
    'unit.missing',
    without('nodeproof-check.service', 'nodeproof-check.timer', 'nodeproof-check.path'),
  ],
  'all units of ours are gone, and only drop-ins are left': ['unit.missing', without(...ownUnits)],
  'a drop-in over ours takes its command': [
    'unit.hollowed',
    dropIn('nodeproof-join.service', '[Service]\nExecCondition=/usr/bin/false\n'),
  ],
  'a drop-in over ours adds a condition, which skips it': [
    'unit.hollowed',
    dropIn('nodeproof-join.service', '[Unit]\nConditionPathExists=/nowhere\n'),
  ],
  'a drop-in over ours takes failure for success': [
    'unit.hollowed',
    dropIn('nodeproof-verify.service', '[Service]\nSuccessExitStatus=1 2 3 4\n'),
  ],
  'a drop-in over ours gives it an environment': [
    'unit.hollowed',
    dropIn(
      'nodeproof-join.service',
      '[Service]\nEnvironment=BUN_OPTIONS=--preload=/tmp/a\n',
      '5.conf',
      '/run/systemd/system',
    ),
  ],
  'a drop-in over all that begins like ours': [
    'unit.hollowed',
    dropIn('nodeproof-.service', '[Service]\nUnsetEnvironment=\n', '5.conf', '/usr/lib/systemd/system'),
  ],
  'a drop-in over an alias of ours': [
    'unit.hollowed',
    {
      ...dropIn('other.service', '[Service]\nRootDirectory=/evil\n'),
      [`${etc}/other.service`]: { link: 'nodeproof-join.service' },
    },
  ],
  'a drop-in over every service changes ours, too': ['unit.hollowed', dropIn('service', '[Service]\nUser=nobody\n')],
  'a later drop-in takes the recheck away': [
    'unit.gate-undone',
    dropIn('kubeadm.service', '[Service]\nExecStartPre=\n'),
  ],
  'a later drop-in takes it away behind what looks like a comment': [
    'unit.gate-undone',
    dropIn('kubeadm.service', '# nothing here\r[Service]\rExecStartPre=\r'),
  ],
  'a later drop-in takes it away behind two backslashes': [
    'unit.gate-undone',
    dropIn('kubeadm.service', '[Service]\nSyslogIdentifier=a\\\\\nExecStartPre=\n'),
  ],
  'a later drop-in only seems to put it back': [
    'unit.gate-undone',
    dropIn(
      'kubeadm.service',
      '[Service]\nExecStartPre=\n[service]\nExecStartPre=/usr/bin/systemctl start nodeproof-join.service\n',
    ),
  ],
  'a recheck whose failure is ignored': [
    'unit.gate-undone',
    dropIn(
      'kubeadm.service',
      '[Service]\nExecStartPre=\nExecStartPre=-/usr/bin/systemctl start nodeproof-join.service\n',
    ),
  ],
  'a recheck that nobody waits for': [
    'unit.gate-undone',
    dropIn(
      'kubeadm.service',
      '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/systemctl start --no-block nodeproof-join.service\n',
    ),
  ],
  'a recheck that is a word of another command': [
    'unit.gate-undone',
    dropIn(
      'kubeadm.service',
      '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/true \\; /usr/bin/systemctl start nodeproof-join.service\n',
    ),
  ],
  'our drop-in is hidden by one of its name': [
    'unit.gate-undone',
    {
      ...installedNode,
      '/run/systemd/system.control/kubeadm.service.d/10-nodeproof.conf': { link: '/dev/null' },
    },
  ],
  'our drop-in is gone': [
    'unit.gate-undone',
    change(installedNode, { [`${etc}/kubeadm.service.d/10-nodeproof.conf`]: undefined }),
  ],
  'kubelet does not wait any more': [
    'unit.gate-undone',
    change(installedNode, { [`${etc}/kubelet.service.d/10-nodeproof.conf`]: '[Service]\nNice=1\n' }),
  ],
  'our drop-in sets something more': [
    'unit.gate-undone',
    replace(installedNode, `${etc}/kubelet.service.d/10-nodeproof.conf`, /$/, '[Service]\nIgnoreSIGPIPE=no\n'),
  ],
  'our drop-in over a unit that is not there yet is not ours': [
    'unit.gate-undone',
    change(installedNode, { [`${etc}/ensure-sysext.service.d/10-nodeproof.conf`]: '[Unit]\n' }),
  ],
  'our drop-in is a directory': [
    'unit.gate-undone',
    change(without('kubelet.service.d/10-nodeproof.conf'), {
      [`${etc}/kubelet.service.d/10-nodeproof.conf/a`]: '',
    }),
  ],
  'something runs between the guard and the merge': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nExecStartPre=/mnt/evil\n'),
  ],
  'a condition runs something between the guard and the merge': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nExecCondition=/mnt/evil\n', 'a.conf', '/run/systemd/system'),
  ],
  'something is merged behind the merge': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nExecStartPost=/usr/bin/systemd-sysext merge\n'),
  ],
  'the look after the merge is taken away': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nExecStartPost=\n'),
  ],
  'a merge is told to be into other places': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nEnvironment=SYSTEMD_SYSEXT_HIERARCHIES=/opt\n'),
  ],
  'a merge is told so by a file': [
    'unit.merge-altered',
    {
      ...dropIn('systemd-sysext.service', '[Service]\nEnvironmentFile=/etc/merge.env\n'),
      '/etc/merge.env': 'SYSTEMD_SYSEXT_HIERARCHIES=/opt\n',
    },
  ],
  'a merge is told so by a file that the unit of the image reads': [
    'unit.merge-altered',
    {
      ...replace(
        installedNode,
        '/usr/lib/systemd/system/systemd-sysext.service',
        '[Service]',
        '[Service]\nEnvironmentFile=-/etc/merge.env',
      ),
      '/etc/merge.env': 'SYSTEMD_SYSEXT_HIERARCHIES=/opt\n',
    },
  ],
  'a merge is told what the manager was': [
    'unit.merge-altered',
    dropIn('systemd-sysext.service', '[Service]\nPassEnvironment=SYSTEMD_SYSEXT_HIERARCHIES\n'),
  ],
  'a unit that merges was written anew': [
    'unit.merge-altered',
    {
      ...installedNode,
      [`${etc}/systemd-sysext.service`]:
        '[Service]\nEnvironment=SYSTEMD_SYSEXT_HIERARCHIES=/opt\nExecStart=systemd-sysext refresh\n',
    },
  ],
  'a unit merges without the guard': [
    'unit.gate-undone',
    change(installedNode, { [`${etc}/systemd-sysext.service.d/10-nodeproof.conf`]: undefined }),
  ],
  'kubelet is run from a directory that anybody fills': [
    'unit.foreign-program',
    {
      ...dropIn('kubelet.service', '[Service]\nExecStart=\nExecStart=/mnt/kubelet\n'),
      '/mnt/kubelet': 'evil',
    },
  ],
  'kubelet is run through env': [
    'unit.foreign-program',
    dropIn('kubelet.service', '[Service]\nExecStart=\nExecStart=/usr/bin/env A=b /mnt/kubelet\n'),
  ],
  'kubelet is run through a shell': [
    'unit.foreign-program',
    dropIn('kubelet.service', `[Service]\nExecStart=\nExecStart=/bin/sh -c 'exec "/mnt/kubelet" $A'\n`),
  ],
  'kubelet is run by a path that leaves /usr': [
    'unit.foreign-program',
    dropIn('kubelet.service', '[Service]\nExecStart=\nExecStart=/usr/bin/../../mnt/kubelet\n'),
  ],
  'kubelet is run by a path in escapes': [
    'unit.foreign-program',
    dropIn('kubelet.service', '[Service]\nExecStart=\nExecStart="/usr/\\x2e\\x2e/mnt/evil"\n'),
  ],
  'kubelet is run by a link that leaves /usr': [
    'unit.foreign-program',
    change(installedNode, { '/usr/bin/kubelet': { link: '/mnt/kubelet' }, '/mnt/kubelet': 'evil' }),
  ],
  'kubelet is looked for elsewhere': [
    'unit.foreign-program',
    {
      ...dropIn('kubelet.service', '[Service]\nExecSearchPath=/mnt/bin\nExecStart=\nExecStart=kubelet\n'),
      '/mnt/bin/kubelet': 'evil',
    },
  ],
  'kubeadm is run from elsewhere': [
    'unit.foreign-program',
    replace(installedNode, `${etc}/kubeadm.service`, '/usr/bin/kubeadm', '/mnt/kubeadm'),
  ],
  'containerd gets a library': [
    'unit.preload',
    dropIn('containerd.service', '[Service]\nEnvironment="A=b c" LD_PRELOAD=/mnt/evil.so\n'),
  ],
  'kubelet gets a library from a file that its unit reads': [
    'unit.preload',
    { ...installedNode, '/etc/default/kubelet': 'A=b\n  export LD_AUDIT=/mnt/evil.so\n' },
  ],
  'kubelet gets a library from a file that is no text': [
    'unit.preload',
    {
      ...installedNode,
      '/var/lib/kubelet/kubeadm-flags.env': Buffer.from('A="\xff"\nLD_PRELOAD=/mnt/evil.so\n', 'latin1'),
    },
  ],
  'kubelet gets a library from one of many files': [
    'unit.preload',
    {
      ...dropIn('kubelet.service', '[Service]\nEnvironmentFile=/run/flannel/sub*.env\n'),
      '/run/flannel/subnet.env': 'LD_LIBRARY_PATH=/mnt\n',
    },
  ],
  'kubelet gets what the manager has': [
    'unit.preload',
    dropIn('kubelet.service', '[Service]\nPassEnvironment=LD_PRELOAD\n'),
  ],
  'every service gets a library': [
    'unit.preload',
    {
      ...installedNode,
      '/etc/systemd/system.conf.d/x.conf': '[Manager]\nDefaultEnvironment=LD_PRELOAD=/mnt/evil.so\n',
    },
  ],
  'every program gets a library': ['unit.preload', { ...installedNode, '/etc/ld.so.preload': '# a\n/mnt/evil.so\n' }],
  'kubelet gets a library by a name that systemd makes whole': [
    'unit.preload',
    dropIn('kubelet.service', '[Service]\nEnvironment=LD_PRE%iLOAD=/opt/evil.so\n'),
  ],
  'kubelet gets a library by an escaped name': [
    'unit.preload',
    dropIn('kubelet.service', '[Service]\nEnvironment="\\x4cD_PRELOAD=/opt/evil.so"\n'),
  ],
  'kubelet gets a library from env': [
    'unit.preload',
    dropIn(
      'kubelet.service',
      '[Service]\nExecStart=\nExecStart=/usr/bin/env LD_PRELOAD=/usr/lib/evil.so /usr/bin/kubelet\n',
    ),
  ],
  'every service gets a library by an escaped name': [
    'unit.preload',
    {
      ...installedNode,
      '/etc/systemd/system.conf.d/x.conf': '[Manager]\nDefaultEnvironment="\\x4cD_PRELOAD=/mnt/evil.so"\n',
    },
  ],
  'nothing starts the timer of the look': [
    'unit.missing',
    change(installedNode, { [`${etc}/timers.target.wants/nodeproof-check.timer`]: undefined }),
  ],
  'what starts the watch leads elsewhere': [
    'unit.missing',
    {
      ...installedNode,
      [`${etc}/multi-user.target.wants/nodeproof-check.path`]: { link: `${etc}/nodeproof-next-boot.path` },
    },
  ],
  'a look has no time to end': ['unit.hollowed', dropIn('nodeproof-check.service', '[Service]\nTimeoutStartSec=1us\n')],
  'a look has no room to end': ['unit.hollowed', dropIn('nodeproof-check.service', '[Service]\nMemoryMax=1M\n')],
  'a look may not compile': [
    'unit.hollowed',
    dropIn('nodeproof-check.service', '[Service]\nMemoryDenyWriteExecute=yes\n'),
  ],
  'the guard sees other mounts': ['unit.hollowed', dropIn('nodeproof-guard.service', '[Service]\nLogNamespace=x\n')],
  'kubelet has another root': ['unit.other-root', dropIn('kubelet.service', '[Service]\nRootDirectory=/mnt\n')],
  'kubelet has another file system over its program': [
    'unit.other-root',
    dropIn('kubelet.service', '[Service]\nBindReadOnlyPaths=/etc/hosts -/mnt/kubelet:/usr/bin/kubelet:norbind\n'),
  ],
  'kubeadm has an image over its /usr': [
    'unit.other-root',
    dropIn('kubeadm.service', '[Service]\nExtensionImages=/mnt/evil.raw\n'),
  ],
  'a program in /opt/bin has the name of one in /usr': [
    'unit.shadowed-program',
    { ...installedNode, '/opt/bin/kubeadm': 'evil' },
  ],
};

describe('Units that undo the gate', () => {
  test.for(Object.entries(lies))('%s', async ([, [code, node]]) => {
    expect(await codesOf(node)).toEqual([code]);
  });

  test('name the file and say what to do', async () => {
    const [finding] = await findingsOf(dropIn('kubeadm.service', '[Service]\nExecStartPre=\n'));
    expect(finding).toMatchObject({
      reason: 'denied',
      field: 'units.kubeadm.service',
      message: 'kubeadm.service starts without the verdict: no ExecStartPre= that asks again',
    });
    expect(finding?.next).toContain('nodeproof node install');
  });

  test('of ours are what node install writes, or it is to be run again', async () => {
    const [finding, ...others] = await findingsOf(inOwn('nodeproof-join.service', 'SuccessExitStatus=1 2 3 4'));
    expect(finding).toMatchObject({
      code: 'unit.replaced',
      reason: 'denied',
      message: `${etc}/nodeproof-join.service is not what node install writes`,
      next: 'Find out who changed it, and run nodeproof node install again',
    });
    expect(others).toEqual([]);
  });

  test('that merge are told by the file that alters them', async () => {
    const [finding] = await findingsOf(
      dropIn('systemd-sysext.service', '[Service]\nExecStartPre=/mnt/evil\nEnvironment=A=b\n'),
    );
    expect(finding).toMatchObject({
      actual: `${etc}/systemd-sysext.service.d/99-evil.conf`,
      message: `${etc}/systemd-sysext.service.d/99-evil.conf sets ExecStartPre, Environment of systemd-sysext.service, behind the guard`,
    });
  });

  test('that gate are missed even where nothing of the one and its drop-in is left', async () => {
    const node = without('nodeproof-join.service', 'kubeadm.service.d/10-nodeproof.conf');
    expect(new Set(await codesOf(node))).toEqual(new Set(['unit.missing', 'unit.gate-undone']));
  });

  test('are not judged before the merge, where what they run is not there', async () => {
    const evidence = await collectEvidence(openMadeNode(dropIn('kubeadm.service', '[Service]\nExecStartPre=\n')));
    const { findings } = judgeEvidence(evidence, { ...requirements, extensions: 'to-be-merged' }, reference);
    expect(findings.filter(({ code }) => code.startsWith('unit.'))).toEqual([]);
  });
});

describe('Unit files that cannot be read refuse', () => {
  const unreadable = { fault: new Fault('file.permission', 'Cannot read: permission denied') } as const;
  test.each<[string, MadeNode]>([
    ['a drop-in', { ...installedNode, [`${etc}/kubeadm.service.d/x.conf`]: unreadable }],
    ['bytes that are no text', { ...installedNode, [`${etc}/kubeadm.service.d/x.conf`]: Buffer.from([0xff, 0x0a]) }],
    ['a unit directory', { ...installedNode, '/run/systemd/system.control': unreadable }],
    ['what the loader loads', { ...installedNode, '/etc/ld.so.preload': unreadable }],
    ['too large a file', { ...installedNode, [`${etc}/kubelet.service.d/x.conf`]: 'A=b\n'.repeat(300_000) }],
    ['a pattern for directories', dropIn('kubelet.service', '[Service]\nEnvironmentFile=/run/*/a.env\n')],
  ])('%s', async (_, node) => {
    expect(await codesOf(node)).toContain('evidence.unread');
  });

  test('and keep no extension from being merged, for the guard judges no unit', async () => {
    const unreadUnit = { ...installedNode, [`${etc}/kubelet.service.d/x.conf`]: Buffer.from([0xff, 0x0a]) };
    const judge = async (node: MadeNode) =>
      judgeEvidence(
        await collectEvidence(openMadeNode(node)),
        { ...requirements, extensions: 'to-be-merged' },
        reference,
      ).findings.map(({ code }) => code);
    expect(await judge(unreadUnit)).toEqual([]);
    expect(await judge({ ...unreadUnit, '/run/extensions': unreadable })).toEqual(['evidence.unread']);
  });

  test('whatever they hold, there is evidence or a fault', async () => {
    const paths = Object.keys(installedNode).filter((path) => path.includes('/systemd/') || path.includes('kubelet'));
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom(
        '[Service]',
        '[Unit]',
        'ExecStart=',
        'ExecStartPre=',
        'After=',
        'Environment="a',
        'BindPaths=:',
        '\\',
        '=',
      ),
      fc
        .tuple(
          fc.constantFrom('ExecStart', 'ExecStartPre', 'EnvironmentFile', 'BindPaths', 'Requires', 'RootDirectory'),
          fc.string(),
        )
        .map(([name, value]) => `${name}=${value}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.array(line, { maxLength: 8 }), async (path, lines) => {
        try {
          await findingsOf({ ...installedNode, [path]: lines.join('\n') });
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 150 },
    );
  });
});
