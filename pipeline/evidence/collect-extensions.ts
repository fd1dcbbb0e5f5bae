import { Fault, type Source } from '../core/index.ts';
import { resolve } from '../formats/file-tree/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import { readSysext, type Sysext } from '../image/index.ts';
import type { Extension, ExtensionState } from './evidence.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

type ExtensionClass = 'sysext' | 'confext';

/** Where systemd looks, the earlier directory hiding the later one's entries of the same name (systemd-sysext(8)). */
const searchDirectories: Readonly<Record<ExtensionClass, readonly string[]>> = {
  sysext: [
    '/etc/extensions',
    '/run/extensions',
    '/var/lib/extensions',
    '/usr/local/lib/extensions',
    '/usr/lib/extensions',
  ],
  confext: ['/run/confexts', '/var/lib/confexts', '/usr/local/lib/confexts', '/usr/lib/confexts'],
};

const hierarchy: Readonly<Record<ExtensionClass, string>> = { sysext: '/usr', confext: '/etc' };

/** Paths that no extension of a node may ship: they would replace who the node is, or who judges it. */
const forbidden: Readonly<Record<ExtensionClass, readonly string[]>> = {
  sysext: [
    '/usr/lib/os-release',
    '/usr/lib/systemd/system/nodeproof-guard.service',
    '/usr/lib/systemd/system/nodeproof-verify.service',
    '/usr/lib/systemd/system/nodeproof-guard.service.d',
    '/usr/lib/systemd/system/nodeproof-verify.service.d',
    '/usr/lib/systemd/system/kubeadm.service.d',
    '/opt/bin',
  ],
  confext: [
    '/etc/os-release',
    '/etc/systemd/system/nodeproof-guard.service.d',
    '/etc/systemd/system/nodeproof-verify.service.d',
    '/etc/systemd/system/kubeadm.service.d',
  ],
};

const recordBytes = 1024 * 1024;

/** All extensions in the search directories, and whether and how they are merged. */
export async function collectExtensions(
  extensionClass: ExtensionClass,
  world: NodeWorld,
  mounts: readonly MountLine[],
  notes: Notes,
): Promise<ExtensionState> {
  const found: Extension[] = [];
  const names = new Set<string>();
  for (const path of listCandidates(extensionClass, world, notes)) {
    const name = extensionName(path);
    const extension = await describe(extensionClass, name, path, names.has(name), world, notes);
    if (extension === undefined) continue;
    names.add(name);
    found.push(extension);
  }
  const place = hierarchy[extensionClass];
  const record = `${place}/.systemd-${extensionClass}`;
  const merged = notes.attempt(
    `${record}/extensions`,
    () => world.readText(`${record}/extensions`, recordBytes),
    undefined,
  );
  return {
    found,
    merged: {
      value: merged === undefined ? null : merged.split('\n').filter((line) => line !== ''),
      grade: 'claimed',
      source: `${record}/extensions`,
    },
    overlay: overlayOf(
      mounts,
      place,
      notes.attempt(`${record}/dev`, () => world.readText(`${record}/dev`, 64)?.trim(), undefined),
    ),
  };
}

function listCandidates(extensionClass: ExtensionClass, world: NodeWorld, notes: Notes): readonly string[] {
  return searchDirectories[extensionClass].flatMap((directory) =>
    notes.attempt(directory, () => world.listNames(directory) ?? [], []).map((name) => `${directory}/${name}`),
  );
}

/** The file's or link's name without `.raw`: under which it is merged. */
function extensionName(path: string): string {
  const name = path.split('/').at(-1) ?? path;
  return name.endsWith('.raw') ? name.slice(0, -'.raw'.length) : name;
}

async function describe(
  extensionClass: ExtensionClass,
  name: string,
  path: string,
  hidden: boolean,
  world: NodeWorld,
  notes: Notes,
): Promise<Extension | undefined> {
  const placed = notes.attempt(path, () => world.place(path), undefined);
  const base = {
    name,
    path,
    resolvedPath: placed?.path ?? null,
    hidden,
    sizeBytes: placed?.sizeBytes ?? null,
    inode: placed?.inode ?? null,
    fileDevice: placed?.device ?? null,
    sha256: { value: null, grade: 'claimed', source: path },
    rootHash: { value: null, grade: 'claimed', source: path },
    release: null,
    forbiddenPaths: [],
    problem: null,
  } satisfies Omit<Extension, 'kind'>;
  if (placed === undefined) return { ...base, kind: 'dangling' };
  if (placed.kind === 'character-device') return { ...base, kind: 'mask' };
  if (placed.kind === 'directory')
    return (world.listNames(placed.path) ?? []).length === 0
      ? { ...base, kind: 'mask' }
      : { ...base, kind: 'directory' };
  if (placed.kind !== 'file' && placed.kind !== 'block-device') return { ...base, kind: 'other' };
  // systemd looks at no other regular files.
  if (!path.endsWith('.raw')) return undefined;
  return { ...base, kind: 'raw', ...(await readImage(extensionClass, name, placed.path, world)) };
}

/** Digest and verity root hash of the file as it lies there now, read once through one open file. */
async function readImage(
  extensionClass: ExtensionClass,
  name: string,
  path: string,
  world: NodeWorld,
): Promise<Partial<Extension>> {
  try {
    using source = world.openSource(path);
    const [sha256] = await world.digestSource(source, ['sha256']);
    const digest = { sha256: { value: sha256?.hex ?? null, grade: 'claimed', source: path } } as const;
    return { ...digest, ...(await readContent(extensionClass, name, source, world)) };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

async function readContent(
  extensionClass: ExtensionClass,
  name: string,
  source: Source,
  world: NodeWorld,
): Promise<Partial<Extension>> {
  try {
    const sysext = await readSysext(source, world.hashLeaves, name);
    const { release } = sysext.release;
    return {
      rootHash: { value: sysext.verity?.report.rootHash ?? null, grade: 'claimed', source: source.name },
      release: {
        id: release.id,
        versionId: release.versionId,
        sysextLevel: release.sysextLevel,
        architecture: release.architecture,
      },
      forbiddenPaths: findForbidden(extensionClass, sysext),
      problem: null,
    };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function findForbidden(extensionClass: ExtensionClass, { tree }: Sysext): string[] {
  return forbidden[extensionClass].filter((path) => resolve(tree, path, { followLast: false }) !== undefined);
}

function problemOf(error: unknown): NonNullable<Extension['problem']> {
  if (!(error instanceof Fault)) throw error;
  return { code: error.code, message: error.message.slice(0, 4000) };
}

/** The overlay that systemd put over a hierarchy: the last mount there, whose source is systemd's word for the class. */
function overlayOf(
  mounts: readonly MountLine[],
  place: string,
  recordedDevice: string | undefined,
): ExtensionState['overlay'] {
  const top = mounts.findLast((mount) => mount.mountPoint === place);
  if (top === undefined || top.fileSystem !== 'overlay') return null;
  const option = (name: string) =>
    top.superOptions.find((candidate) => candidate.startsWith(`${name}=`))?.slice(name.length + 1);
  const lower = option('lowerdir');
  const layered = top.superOptions
    .filter((candidate) => candidate.startsWith('lowerdir+='))
    .map((candidate) => candidate.slice('lowerdir+='.length));
  return {
    device: top.device,
    lowerDirectories: [...(lower === undefined ? [] : lower.split(/(?<!\\):/)), ...layered],
    upperDirectory: option('upperdir') ?? null,
    recordedDevice: recordedDevice === undefined ? null : recordedDeviceNumber(recordedDevice),
  };
}

function recordedDeviceNumber(text: string): string | null {
  return /^\d{1,10}:\d{1,10}$/.test(text) ? text : null;
}
