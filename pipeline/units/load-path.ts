/** systemd.unit(5), "Unit File Load Path" of the system manager: what stands in an earlier directory hides the later. */
export const unitDirectories = [
  '/etc/systemd/system.control',
  '/run/systemd/system.control',
  '/run/systemd/transient',
  '/run/systemd/generator.early',
  '/etc/systemd/system',
  '/etc/systemd/system.attached',
  '/run/systemd/system',
  '/run/systemd/system.attached',
  '/run/systemd/generator',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/run/systemd/generator.late',
] as const;

/** Where files such as sysext.conf lie. */
export const configurationDirectories = [
  '/etc/systemd',
  '/run/systemd',
  '/usr/local/lib/systemd',
  '/usr/lib/systemd',
] as const;

/**
 * The directories of a unit's drop-ins, in the order in which one hides files of the same name in those behind it, as
 * unit_file_find_dropin_paths() of systemd (src/shared/dropin.c): `a-b.service` takes those of its own and of `a-.service`
 * from each directory, then those of its aliases, then those of all services.
 */
export function listDropInFolders(name: string, aliases: readonly string[]): readonly string[] {
  const type = typeOf(name);
  return [
    ...[name, ...aliases].flatMap((one) =>
      unitDirectories.flatMap((directory) => prefixesOf(one).map((prefix) => `${directory}/${prefix}.d`)),
    ),
    ...unitDirectories.map((directory) => `${directory}/${type}.d`),
  ];
}

function typeOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function prefixesOf(name: string): readonly string[] {
  const type = typeOf(name);
  const words = name.slice(0, -type.length - 1).split('-');
  const shorter = words.slice(0, -1).map((_, at) => `${words.slice(0, at + 1).join('-')}-.${type}`);
  return [name, ...shorter.reverse()];
}
