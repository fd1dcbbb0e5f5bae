import type { InstallationSettings } from './installation.ts';
import { places, unitDirectory } from './places.ts';

/** A unit file of ours, and the targets that start it. */
export type Unit = { readonly name: string; readonly content: string; readonly wantedBy: readonly string[] };

/** Units that merge extensions: in the real root, and those that newer systemd has for the initrd. */
export const mergingUnits = [
  'ensure-sysext.service',
  'systemd-confext-sysroot.service',
  'systemd-confext.service',
  'systemd-sysext-sysroot.service',
  'systemd-sysext.service',
] as const;

const given = `--policy ${places.policy} --trust-pack ${places.trustPack}`;

export function listUnits(settings: InstallationSettings): readonly Unit[] {
  return [
    guard(settings),
    verify(),
    check(settings),
    checkPath(),
    checkTimer(),
    nextBoot(),
    nextBootPath(),
    join(),
    ...refresh(settings),
  ];
}

/** Judges what the next merge would take, before any unit merges. */
function guard({ strict }: InstallationSettings): Unit {
  return {
    name: 'nodeproof-guard.service',
    wantedBy: ['sysinit.target'],
    content: renderUnit({
      Unit: [
        'Description=Keep extensions that nobody signed out of the merge (nodeproof)',
        '# Units that merge run before sysinit.target; the default dependencies would put this one after it.',
        'DefaultDependencies=no',
        `RequiresMountsFor=${places.program}`,
        'After=local-fs.target',
        `Before=${mergingUnits.join(' ')} sysinit.target shutdown.target`,
        'Conflicts=shutdown.target',
        ...refuseManualStop,
      ],
      Service: [
        ...oneshotWithin(90),
        '# It does not stay active: each later start of a unit that merges asks again.',
        `ExecStart=${places.program} node guard ${given}${strict ? ' --strict' : ''}`,
        ...clean,
        '# What it refuses it masks by a mount that every other process must see, and unmerges what the initrd merged.',
        ...hardened([
          'CAP_SYS_ADMIN',
          'CAP_SYS_PTRACE',
          'CAP_DAC_READ_SEARCH',
          'CAP_DAC_OVERRIDE',
          'CAP_FOWNER',
          'CAP_CHOWN',
        ]),
      ],
    }),
  };
}

/** The verdict of each boot, which kubelet and what runs its containers wait for. */
function verify(): Unit {
  return {
    name: 'nodeproof-verify.service',
    wantedBy: ['multi-user.target'],
    content: renderUnit({
      Unit: [
        'Description=Verify that this node is what was signed (nodeproof)',
        `RequiresMountsFor=${places.program}`,
        `After=nodeproof-guard.service ${mergingUnits.join(' ')}`,
        'Before=containerd.service kubelet.service kubeadm.service',
        '# kubelet is started again and again where a target upholds it: a refusal is told five times, and stands.',
        'StartLimitIntervalSec=10min',
        'StartLimitBurst=5',
        ...refuseManualStop,
      ],
      Service: [
        ...oneshotWithin(90),
        'RemainAfterExit=yes',
        `ExecStart=${places.program} node verify --boot ${given}`,
        ...clean,
        ...hardened(lookingCapabilities),
        'RestrictNamespaces=yes',
      ],
    }),
  };
}

/** The verdict after each change and four times an hour. */
function check({ enforce }: InstallationSettings): Unit {
  return {
    name: 'nodeproof-check.service',
    wantedBy: [],
    content: renderUnit({
      Unit: [
        'Description=Verify that this node still is what was signed (nodeproof)',
        `RequiresMountsFor=${places.program}`,
        `After=nodeproof-verify.service ${mergingUnits.join(' ')}`,
        '# Each change is looked at, however many there are: one that was not would be noticed by the timer alone.',
        'StartLimitIntervalSec=0',
      ],
      Service: [
        ...oneshotWithin(90),
        `ExecStart=${places.program} node verify --record${enforce ? ' --enforce' : ''} ${given}`,
        ...clean,
        ...hardened(lookingCapabilities),
        'RestrictNamespaces=yes',
      ],
    }),
  };
}

function checkPath(): Unit {
  return {
    name: 'nodeproof-check.path',
    wantedBy: ['multi-user.target'],
    content: renderUnit({
      Unit: ['Description=Notice changes of extensions and units (nodeproof)'],
      Path: [
        ...['/etc/extensions', '/run/extensions', '/var/lib/extensions', '/var/lib/confexts', '/run/confexts'].map(
          (path) => `PathChanged=${path}`,
        ),
        'PathChanged=/etc/systemd/system',
        '# A limit would end this unit, and with it the watch.',
        'TriggerLimitIntervalSec=0',
      ],
    }),
  };
}

function checkTimer(): Unit {
  return {
    name: 'nodeproof-check.timer',
    wantedBy: ['timers.target'],
    content: renderUnit({
      Unit: ['Description=Verify this node four times an hour (nodeproof)'],
      Timer: ['OnBootSec=15min', 'OnUnitActiveSec=15min', 'RandomizedDelaySec=2min'],
    }),
  };
}

/** What a staged update comes to, told before it boots. It goes on no record, and holds up no reboot. */
function nextBoot(): Unit {
  return {
    name: 'nodeproof-next-boot.service',
    wantedBy: [],
    content: renderUnit({
      Unit: [
        'Description=Verify what the next boot of this node would run (nodeproof)',
        `RequiresMountsFor=${places.program}`,
        'After=nodeproof-verify.service',
      ],
      Service: [
        ...oneshotWithin(300),
        `ExecStart=${places.program} node verify --next-boot ${given}`,
        ...clean,
        ...hardened(lookingCapabilities),
        'RestrictNamespaces=yes',
      ],
    }),
  };
}

/**
 * update_engine makes this file when an update is staged, with the slot marked to boot, and nothing else in it (flatcar/
 * update_engine, update_attempter.cc, kUpdateCompletedMarker). PathExists= would start the service again and again.
 */
const updateStaged = '/run/update_engine_autoupdate_completed';

function nextBootPath(): Unit {
  return {
    name: 'nodeproof-next-boot.path',
    wantedBy: ['multi-user.target'],
    content: renderUnit({
      Unit: ['Description=Notice a staged update (nodeproof)'],
      Path: [`PathChanged=${updateStaged}`],
    }),
  };
}

/** The verdict that a join waits for. It does not stay active: each start of kubeadm asks again. */
function join(): Unit {
  return {
    name: 'nodeproof-join.service',
    wantedBy: [],
    content: renderUnit({
      Unit: [
        'Description=Verify this node before it joins a cluster (nodeproof)',
        `RequiresMountsFor=${places.program}`,
        `After=nodeproof-guard.service nodeproof-verify.service ${mergingUnits.join(' ')}`,
        'Before=kubeadm.service',
      ],
      Service: [
        ...oneshotWithin(90),
        `ExecStart=${places.program} node verify --join ${given}`,
        ...clean,
        ...hardened(lookingCapabilities),
        'RestrictNamespaces=yes',
      ],
    }),
  };
}

/**
 * Fetches what was signed since. Untrusted transport: what does not count under the policy is not taken. The state tells
 * whether the pack is one that the node still accepts; an older one is not refreshed.
 */
function refresh({ stores }: InstallationSettings): readonly Unit[] {
  if (stores.length === 0) return [];
  return [
    {
      name: 'nodeproof-refresh.service',
      wantedBy: [],
      content: renderUnit({
        Unit: [
          'Description=Fetch newer attestations of this node (nodeproof)',
          `RequiresMountsFor=${places.program}`,
          'Wants=network-online.target',
          'After=network-online.target',
        ],
        Service: [
          '# Servers have five minutes to answer. What is killed has written nothing.',
          ...oneshotWithin(900),
          '# Stores are strangers: what they send must cost the node nothing else.',
          'MemoryMax=1G',
          'MemorySwapMax=0',
          'OOMScoreAdjust=1000',
          `ExecStart=${places.program} trust refresh ${given} --state ${places.state} ${stores.map((store) => `--from ${quoteArgument(store)}`).join(' ')}`,
          ...clean,
          'NoNewPrivileges=yes',
          'ProtectSystem=strict',
          'ReadWritePaths=/var/lib/nodeproof',
          'PrivateTmp=yes',
          'ProtectHome=yes',
        ],
      }),
    },
    {
      name: 'nodeproof-refresh.timer',
      wantedBy: ['timers.target'],
      content: renderUnit({
        Unit: ['Description=Fetch newer attestations of this node twice a day (nodeproof)'],
        Timer: ['OnBootSec=10min', 'OnUnitActiveSec=12h', 'RandomizedDelaySec=1h'],
      }),
    },
  ];
}

/** Drop-ins over the units of others. */
export function listDropIns(): readonly { readonly unit: string; readonly content: string }[] {
  const merging = mergingUnits.map((unit) => ({
    unit,
    content: renderUnit({
      Unit: ['# A guard that failed or is masked means no merge.', ...requireUnit('nodeproof-guard.service')],
      ...(unit === 'systemd-sysext.service' || unit === 'systemd-confext.service' ? { Service: lookAgain } : {}),
    }),
  }));
  const kubeadm = {
    unit: 'kubeadm.service',
    content: renderUnit({
      Unit: requireUnit('nodeproof-join.service'),
      Service: [
        '# Again, right before the join: in the unit of the verifier, so that nothing of the environment of this one counts.',
        'ExecStartPre=+/usr/bin/systemctl start nodeproof-join.service',
      ],
    }),
  };
  const waiting = ['containerd.service', 'kubelet.service'].map((unit) => ({
    unit,
    content: renderUnit({ Unit: requireUnit('nodeproof-verify.service') }),
  }));
  return [...merging, kubeadm, ...waiting];
}

/** Before version 254 systemd starts a unit that something wants although what it requires is masked or not there. */
function requireUnit(name: string): readonly string[] {
  return [`Requires=${name}`, `After=${name}`, `AssertFileNotEmpty=${unitDirectory}/${name}`];
}

/** What requires a unit is stopped and restarted with it: the merge is taken away under a running node. */
const refuseManualStop = ['# What waits for it would be stopped with it.', 'RefuseManualStop=yes'] as const;

const startCheck =
  '-+/usr/bin/systemctl start --no-block --job-mode=ignore-requirements nodeproof-check.service' as const;

/**
 * After each merge and reload of the unit. It does not wait: the verdict is reported, or enforced. Nor does it start what
 * the check requires, which during a boot are sysinit.target and all that it wants, the guard once more.
 */
const lookAgain = [`ExecStartPost=${startCheck}`, `ExecReload=${startCheck}`];

function oneshotWithin(seconds: number): readonly string[] {
  return [
    'Type=oneshot',
    `TimeoutStartSec=${seconds}`,
    'StandardOutput=journal+console',
    'StandardError=journal+console',
  ];
}

/**
 * Variables by which the loader, the runtime or the C library would let someone else's code or data in. The environment of
 * a service is otherwise what the kernel command line (systemd.setenv=) and system.conf make of it.
 */
const unsafeVariables = [
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'LD_BIND_NOW',
  'LD_DEBUG',
  'LD_PROFILE',
  'GLIBC_TUNABLES',
  'GCONV_PATH',
  'LOCPATH',
  'NLSPATH',
  'MALLOC_TRACE',
  'BUN_OPTIONS',
  'BUN_BE_BUN',
  'BUN_INSPECT',
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'TZ',
  'TMPDIR',
  'HOME',
] as const;

const clean = [`UnsetEnvironment=${unsafeVariables.join(' ')}`, 'WorkingDirectory=/', 'UMask=0077'] as const;

/** Device-mapper tables and devices are for an administrator; the mount table of the first process for who may trace it. */
const lookingCapabilities = ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH', 'CAP_DAC_OVERRIDE'] as const;

/**
 * As far as evidence allows. What would give the service a mount namespace of its own (ProtectSystem=, PrivateTmp=,
 * ProtectKernelTunables= and the like) is left out: it must see the mounts of the node, and a guard must make one.
 * MemoryDenyWriteExecute= is left out for the compiler in the runtime, PrivateDevices= for the loop and mapped devices,
 * RestrictNamespaces= of the guard for the systemd-sysext that it unmerges with.
 */
function hardened(capabilities: readonly string[]): readonly string[] {
  return [
    `CapabilityBoundingSet=${capabilities.join(' ')}`,
    'NoNewPrivileges=yes',
    'IPAddressDeny=any',
    'RestrictAddressFamilies=AF_UNIX AF_NETLINK',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
  ];
}

/** systemd.service(5), "Command lines": words in double quotes, with `%` and `$` doubled. */
function quoteArgument(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return `"${escaped}"`;
}

/** By this our files are known from others of the same name. */
export const unitHeader = '# Written by nodeproof node install.\n';

type Sections = Readonly<Partial<Record<'Unit' | 'Service' | 'Path' | 'Timer', readonly string[]>>>;

function renderUnit(sections: Sections): string {
  const parts = Object.entries(sections).map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`);
  return `${unitHeader}${parts.join('\n')}`;
}
