import type { NodeWorld } from '../../collection/index.ts';
import { listValues, readConfiguration, readUnit } from '../../units/index.ts';
import type { LintFinding } from '../finding.ts';

const kinds = [
  { name: 'sysext', section: 'SysExt', unit: 'systemd-sysext.service' },
  { name: 'confext', section: 'ConfExt', unit: 'systemd-confext.service' },
] as const;

const stores = ['/var/lib/extensions.mutable', '/run/extensions.mutable'] as const;

/** Merges that can be written (systemd-sysext(8), "Mutability"): whoever is root changes /usr while it runs. */
export function lintMutable(world: NodeWorld): readonly LintFinding[] {
  return [...kinds.flatMap((kind) => lintKind(world, kind)), ...lintStores(world)];
}

function lintKind(world: NodeWorld, { name, section, unit }: (typeof kinds)[number]): readonly LintFinding[] {
  const configured = listValues(readConfiguration(world, `${name}.conf`), section, 'Mutable').at(-1);
  const commands = listValues(readUnit(world, unit)?.settings ?? [], 'Service', 'ExecStart');
  const given = commands.find(({ value }) => /--mutable(?:=|\s)(?!no\b|false\b|0\b)/.test(value));
  const found = given ?? (configured === undefined || isOff(configured.value) ? undefined : configured);
  if (found === undefined) return [];
  return [
    {
      code: 'lint.mutable',
      // /etc is meant to be written where it is a confext.
      level: name === 'sysext' ? 'error' : 'note',
      message: `${unit} merges so that the merged tree can be written: ${found.value}`,
      file: found.file,
      line: found.line,
      fix: `Write [${section}] Mutable=no into /etc/systemd/${name}.conf, and no --mutable in ${unit}`,
    },
  ];
}

function isOff(value: string): boolean {
  return /^(?:no|n|false|f|off|0)$/i.test(value);
}

/** In mode `auto` a directory that is there is enough. */
function lintStores(world: NodeWorld): readonly LintFinding[] {
  const [store] = stores.flatMap((path) =>
    (world.listNames(path) ?? []).filter((each) => each === 'usr' || each === 'opt').map((each) => `${path}/${each}`),
  );
  if (store === undefined) return [];
  return [
    {
      code: 'lint.mutable',
      level: 'error',
      message: `${store} is there: a merge with Mutable=auto writes to it instead of being read-only`,
      file: store,
      line: null,
      fix: `Remove ${store}, and write [SysExt] Mutable=no into /etc/systemd/sysext.conf`,
    },
  ];
}
