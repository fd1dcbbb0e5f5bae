import { Fault, limits } from '../core/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

/** What the release enables first, then what the administrator does; `-NAME` takes a name back. */
const enabledFiles = ['/usr/share/flatcar/enabled-sysext.conf', '/etc/flatcar/enabled-sysext.conf'] as const;
const oemDirectories = ['/oem/sysext', '/etc/flatcar/oem-sysext'] as const;

/** Which of Flatcar's own extensions are enabled, and what the initrd made of that. */
export function collectFlatcar(world: NodeWorld, notes: Notes): Evidence['flatcar'] {
  const lines = enabledFiles.flatMap((file) =>
    notes.attempt(file, () => listLines(world, file), []).map((name) => ({ name, file })),
  );
  const isDisabled = (name: string) => lines.some((line) => line.name === `-${name}`);
  const oem = oemDirectories.flatMap((directory) =>
    notes
      .attempt(directory, () => refuseMany(directory, world.listNames(directory) ?? []), [])
      .map((name) => ({ name, path: `${directory}/${name}` })),
  );
  return {
    enabled: lines
      .filter(({ name }) => !name.startsWith('-') && !isDisabled(name))
      .map(({ name, file }) => ({ name, file, link: linkOf(name, world, notes) })),
    disabled: lines.filter(({ name }) => name.startsWith('-')).map(({ name }) => name.slice(1)),
    activeOem: oem.filter(({ name }) => name.startsWith('active-oem-')).map(({ path }) => path),
    oemImages: oem.filter(({ name }) => name.endsWith('.raw')).map(({ path }) => path),
  };
}

function listLines(world: NodeWorld, file: string): readonly string[] {
  const lines = (world.readText(file, limits.releaseFileBytes) ?? '').split('\n');
  return refuseMany(
    file,
    lines.map((line) => (line.split('#')[0] ?? '').trim()).filter((line) => line !== ''),
  );
}

function linkOf(name: string, world: NodeWorld, notes: Notes): string | null {
  const path = `/etc/extensions/flatcar-${name}.raw`;
  if (name.includes('/')) return null;
  return notes.attempt(path, () => world.place(path)?.path ?? null, null);
}

const many = 64;

/** So many are nobody's. Fault: limit.extensions. */
export function refuseMany(place: string, names: readonly string[]): readonly string[] {
  if (names.length <= many) return names;
  throw new Fault('limit.extensions', `Cannot look at ${place}: ${names.length} entries, want at most ${many}`, {
    where: place,
  });
}
