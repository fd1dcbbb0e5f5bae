import type { NodeWorld } from '../../collection/index.ts';
import { Fault } from '../../core/index.ts';
import { imagePartition, parseImagePolicy } from '../../formats/image-policy/index.ts';
import { splitCommand } from '../../formats/systemd-unit/index.ts';
import { listValues, type PlacedSetting, readConfiguration, readUnit } from '../../units/index.ts';
import type { LintFinding } from '../finding.ts';

/** Units that merge extensions: systemd's own, those of the initrd, and Flatcar's. */
const mergingUnits = [
  'systemd-sysext.service',
  'systemd-sysext-initrd.service',
  'systemd-sysext-sysroot.service',
  'ensure-sysext.service',
] as const;

const strict = 'root=signed+absent:usr=signed+absent';
const dropIn = (unit: string): string =>
  `Write /etc/systemd/system/${unit}.d/10-image-policy.conf: [Service], ExecStart=, ExecStart=systemd-sysext refresh --image-policy=${strict}`;

/** Judges what each unit that merges lets in. */
export function lintImagePolicies(world: NodeWorld): readonly LintFinding[] {
  const configured = listValues(readConfiguration(world, 'sysext.conf'), 'SysExt', 'ImagePolicy').at(-1);
  return mergingUnits.flatMap((name) => {
    const unit = readUnit(world, name);
    if (unit === undefined || unit.isMasked) return [];
    return ['ExecStart', 'ExecReload']
      .flatMap((setting) => listValues(unit.settings, 'Service', setting))
      .flatMap((command) => judgeCommand(name, command, configured));
  });
}

function judgeCommand(
  unit: string,
  command: PlacedSetting,
  configured: PlacedSetting | undefined,
): readonly LintFinding[] {
  const words = splitCommand(command.value);
  const merges =
    words.some((word) => /(?:^|\/)systemd-sysext$/.test(word)) &&
    words.some((word) => /^(?:merge|refresh)$/.test(word));
  if (!merges) return [];
  const own = optionOf(words, '--image-policy');
  const { file, line } = own === undefined && configured !== undefined ? configured : command;
  const policy = own ?? configured?.value;
  if (policy === undefined)
    return [
      {
        code: 'lint.image-policy-missing',
        level: 'error',
        message: `${unit} merges any extension, whether anybody signed it or not`,
        file,
        line,
        fix: dropIn(unit),
      },
    ];
  return judgePolicy(unit, policy, { file, line });
}

type Place = { readonly file: string; readonly line: number };

/** `verity+signed` is the trap: flags are alternatives, so that an image that has verity and no signature is taken. */
function judgePolicy(unit: string, text: string, place: Place): readonly LintFinding[] {
  try {
    const policy = parseImagePolicy(text);
    const lax = (['root', 'usr'] as const).flatMap((partition) => {
      const taken = [...imagePartition(policy, partition)].filter(
        (use) => !['signed', 'unused', 'absent'].includes(use),
      );
      return taken.length === 0 ? [] : [`${partition}: ${taken.join(', ')}`];
    });
    if (lax.length === 0) return [];
    return [
      {
        code: 'lint.image-policy-lax',
        level: 'error',
        message: `${unit} takes extensions that nobody signed (${lax.join('; ')}): flags are alternatives, not conditions`,
        ...place,
        fix: `Write --image-policy=${strict}`,
      },
    ];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const message = `${unit} has an image policy that cannot be read: ${error.message}`;
    return [
      { code: 'lint.image-policy-syntax', level: 'error', message, ...place, fix: `Write --image-policy=${strict}` },
    ];
  }
}

/** `--name=value` or `--name value`; the last one counts. */
function optionOf(words: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (const [at, word] of words.entries()) {
    if (word.startsWith(`${name}=`)) found = word.slice(name.length + 1);
    else if (word === name) found = words[at + 1] ?? '';
  }
  return found;
}
