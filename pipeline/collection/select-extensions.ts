import { limits } from '../core/index.ts';
import { refuseMany } from './collect-flatcar.ts';
import type { NextLinks } from './next-world.ts';
import type { NodeWorld } from './world.ts';

/** What the initrd selects by the version of the operating system, each boot anew. */
export type Selection = {
  readonly links: NextLinks;
  /** What it would fetch, since no image of that version is there. */
  readonly missing: readonly { readonly name: string; readonly paths: readonly string[] }[];
};

type Wanted = { readonly name: string; readonly paths: readonly string[] };

/**
 * Selects as Flatcar's initrd does (bootengine, initrd-setup-root-after-ignition): the OEM's extension where it is active, and
 * those that are enabled.
 *
 * @param next the files as the next boot has them
 * @param version VERSION of its os-release, which can differ from VERSION_ID
 */
export function selectExtensions(next: NodeWorld, version: string | null): Selection {
  const links = new Map<string, string | null>();
  const missing: Wanted[] = [];
  for (const wanted of [...listOem(next, version ?? ''), ...listEnabled(next, version ?? '')]) {
    const path = wanted.paths.find((candidate) => next.place(candidate) !== undefined);
    links.set(`/etc/extensions/${wanted.name}.raw`, path ?? null);
    if (path === undefined) missing.push(wanted);
  }
  return { links, missing };
}

function listOem(next: NodeWorld, version: string): readonly Wanted[] {
  const text = next.readText('/oem/oem-release', limits.releaseFileBytes) ?? '';
  const line = text.split('\n').find((candidate) => candidate.startsWith('ID='));
  const id = line?.split('=')[1] ?? '';
  if (!isName(id) || next.place(`/oem/sysext/active-oem-${id}`) === undefined) return [];
  const name = `oem-${id}`;
  return [
    { name, paths: ['/oem/sysext', '/etc/flatcar/oem-sysext'].map((place) => `${place}/${name}-${version}.raw`) },
  ];
}

const administrators = '/etc/flatcar/enabled-sysext.conf';

/** `-NAME` in the administrator's file takes back what the release enables; the lines are taken apart as the script does. */
function listEnabled(next: NodeWorld, version: string): readonly Wanted[] {
  const own = listLines(next, administrators);
  const lines = [...own, ...listLines(next, '/usr/share/flatcar/enabled-sysext.conf')];
  const disabled = new Set(own.filter((line) => line.startsWith('-')).map((line) => line.slice(1)));
  const names = lines
    .map((line) => line.split('#')[0] ?? '')
    .filter((line) => !line.startsWith('-') && !disabled.has(line))
    .flatMap((line) => line.split(/[ \t]+/))
    .filter(isName);
  return [...new Set(names)].map((name) => ({
    name: `flatcar-${name}`,
    paths: [`/etc/flatcar/sysext/flatcar-${name}-${version}.raw`],
  }));
}

function listLines(next: NodeWorld, file: string): readonly string[] {
  return refuseMany(file, (next.readText(file, limits.releaseFileBytes) ?? '').split('\n'));
}

/** Of a file in one directory. */
function isName(name: string): boolean {
  return name !== '' && !name.includes('/');
}
