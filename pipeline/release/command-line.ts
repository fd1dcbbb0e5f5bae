import * as z from 'zod/mini';
import type { KernelArgument } from '../formats/kernel-command-line/index.ts';

const parameter = z.string().check(z.regex(/^[A-Za-z0-9_.,-]{1,64}\*?$/));

/**
 * Which kernel arguments a node may boot with. Not a golden text: consoles, first-boot flags and OEM arguments differ
 * from node to node. A parameter name may end in `*`, which stands for any rest of the name.
 */
export const commandLineGrammarSchema = z.strictObject({
  /** Parameters that must have exactly this value wherever they occur. */
  fixed: z.record(parameter, z.array(z.string().check(z.maxLength(1024))).check(z.maxLength(16))),
  /** Parameters that may have any value. */
  free: z.array(parameter).check(z.maxLength(256)),
  /** Parameters that no node may have: they replace init, units or the judge's own environment. */
  denied: z.array(parameter).check(z.maxLength(256)),
});

export type CommandLineGrammar = z.output<typeof commandLineGrammarSchema>;

/**
 * Arguments that hand the boot to something else than what was signed. `rd.` names are the initrd's twins of the same
 * switches; a node set may deny more but a policy always denies these.
 */
export const deniedArguments = [
  'init',
  'rdinit',
  'rd.break',
  'rd.shell',
  'rd.systemd.*',
  'single',
  's',
  'S',
  '1',
  '-s',
  '-b',
  'emergency',
  'rescue',
  'systemd.unit',
  'systemd.wants',
  'systemd.mask',
  'systemd.setenv',
  'systemd.debug_shell',
  'systemd.debug-shell',
  'systemd.run*',
  'systemd.import*',
  'systemd.set_credential*',
  'systemd.volatile',
  'systemd.verity*',
  'systemd.image_policy',
  'systemd.sysext',
  'systemd.confext',
  'dm-mod.create',
  'dm-verity.*',
  'dm_verity.*',
  'security',
  'selinux',
  'apparmor',
  'ima_policy',
  'lockdown',
  'module_blacklist',
  'initcall_blacklist',
  'flatcar.autologin',
  // The kernel hands arguments that it does not know to init, as its environment.
  'LD_*',
  'GLIBC_TUNABLES',
  'SYSTEMD_*',
  'PATH',
] as const;

/** Flatcar's disk images: GRUB's template plus what its OEMs and operators add (grub.cfg, grub_install.sh). */
export const flatcarCommandLine: CommandLineGrammar = {
  fixed: {
    'mount.usr': ['/dev/mapper/usr'],
    'mount.usrflags': ['ro'],
    root: ['LABEL=ROOT'],
  },
  free: [
    'BOOT_IMAGE',
    'rootflags',
    'consoleblank',
    'console',
    'verity.usr',
    'verity.usrhash',
    'flatcar.first_boot',
    'flatcar.oem.id',
    'flatcar.randomize_disk_guid',
    'ignition.*',
    'net.ifnames',
    'ip',
    'quiet',
    'earlyprintk',
    'nvme_core.*',
    'mitigations',
    'systemd.show_status',
  ],
  denied: [...deniedArguments],
};

export type CommandLineProblem = {
  readonly argument: KernelArgument;
  readonly problem: 'denied' | 'value' | 'unlisted';
  readonly wanted: string;
};

/** Compares a command line with a grammar; what no list names is a problem too. */
export function compareCommandLine(
  args: readonly KernelArgument[],
  grammar: CommandLineGrammar,
): readonly CommandLineProblem[] {
  return args.flatMap((argument) => {
    const problem = compareArgument(argument, grammar);
    return problem === undefined ? [] : [problem];
  });
}

function compareArgument(argument: KernelArgument, grammar: CommandLineGrammar): CommandLineProblem | undefined {
  if ([...deniedArguments, ...grammar.denied].some((name) => matchesParameter(name, argument.name))) {
    return { argument, problem: 'denied', wanted: `no ${argument.name}` };
  }
  const fixed = Object.entries(grammar.fixed).find(([name]) => matchesParameter(name, argument.name));
  if (fixed !== undefined) {
    return fixed[1].includes(argument.value ?? '')
      ? undefined
      : { argument, problem: 'value', wanted: fixed[1].join(' or ') };
  }
  if (grammar.free.some((name) => matchesParameter(name, argument.name))) return undefined;
  return { argument, problem: 'unlisted', wanted: 'an argument that the node set lists' };
}

/** The kernel and systemd take `-` and `_` in parameter names as one: so does a match, or a denied name could be spelled around. */
function matchesParameter(pattern: string, name: string): boolean {
  const wanted = pattern.replaceAll('-', '_');
  const actual = name.replaceAll('-', '_');
  return wanted.endsWith('*') ? actual.startsWith(wanted.slice(0, -1)) : actual === wanted;
}
