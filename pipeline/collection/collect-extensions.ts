import { Fault, limits, type Source, unreachable } from '../core/index.ts';
import type { ExtensionRelease } from '../formats/extension-release/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import { findForbiddenPaths, readSysext } from '../image/index.ts';
import {
  type Extension,
  type ExtensionState,
  isImage,
  isMerge,
  searchDirectories,
  stackMounts,
} from '../evidence/index.ts';
import { mapAtOnce } from './map-at-once.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld, PlacedFile } from './world.ts';

type ExtensionClass = 'sysext' | 'confext';

/** Where a class is merged, and where the merged tree records it (systemd, src/sysext/sysext.c, image_class_info). */
const places = {
  sysext: { hierarchy: '/usr', directory: '.systemd-sysext', names: 'extensions' },
  confext: { hierarchy: '/etc', directory: '.systemd-confext', names: 'confexts' },
} as const satisfies Record<ExtensionClass, unknown>;

const recordBytes = 1024 * 1024;

/**
 * All extensions in the search directories, and whether and how they are merged. What is in the images is not read yet:
 * see readExtensions.
 */
export function listExtensions(
  extensionClass: ExtensionClass,
  world: NodeWorld,
  mounts: readonly MountLine[],
  notes: Notes,
): ExtensionState {
  return {
    found: [...findExtensions(extensionClass, world, notes)],
    ...lookAtMerge(extensionClass, places[extensionClass].hierarchy, world, mounts, notes),
    opt: extensionClass === 'sysext' ? lookAtOpt(world, mounts, notes) : null,
  };
}

/** Without an overlay /opt is whatever the node has there: nothing of it is a record. */
function lookAtOpt(world: NodeWorld, mounts: readonly MountLine[], notes: Notes): ExtensionState['opt'] {
  if (!stackMounts(mounts, '/opt').some((mount) => isMerge(mount, 'sysext'))) return null;
  const { merged, overlay } = lookAtMerge('sysext', '/opt', world, mounts, notes);
  return overlay === null ? null : { merged, overlay };
}

/** What is merged into one hierarchy, by the record in it and by the overlay over it. */
function lookAtMerge(
  extensionClass: ExtensionClass,
  hierarchy: string,
  world: NodeWorld,
  mounts: readonly MountLine[],
  notes: Notes,
): Pick<ExtensionState, 'merged' | 'overlay'> {
  const { directory, names: fileName } = places[extensionClass];
  const names = `${hierarchy}/${directory}/${fileName}`;
  const device = `${hierarchy}/${directory}/dev`;
  const merged = notes.attempt(names, () => world.readText(names, recordBytes), undefined);
  const recordedDevice = notes.attempt(device, () => world.readText(device, 64)?.trim(), undefined);
  return {
    merged: {
      value: merged === undefined ? null : merged.split('\n').filter((line) => line !== ''),
      grade: 'claimed',
      source: names,
    },
    overlay: overlayOf(extensionClass, stackMounts(mounts, hierarchy), recordedDevice),
  };
}

/** Images that are read at once: each waits for its digest, which a thread of its own computes. */
const imagesAtOnce = 8;

/** The same with what the images are: their digests, verity trees and content. */
export async function readExtensions(
  extensionClass: ExtensionClass,
  state: ExtensionState,
  world: NodeWorld,
): Promise<ExtensionState> {
  const read = await readImages(extensionClass, state.found, world);
  return { ...state, found: read.map(({ extension }) => extension) };
}

/** An extension that was read, with all that its extension-release says; null where there is none that can be read. */
export type ReadExtension = { readonly extension: Extension; readonly release: ExtensionRelease | null };

/** What the images are: their digests, verity trees and content. */
export async function readImages(
  extensionClass: ExtensionClass,
  found: readonly Extension[],
  world: NodeWorld,
  atOnce: number = imagesAtOnce,
): Promise<readonly ReadExtension[]> {
  return mapAtOnce(atOnce, found, async (extension) => {
    const { kind, name, resolvedPath } = extension;
    if (kind !== 'raw' || resolvedPath === null) return { extension, release: null };
    const { facts, release } = await readImage(extensionClass, name, resolvedPath, world);
    return { extension: { ...extension, ...facts }, release };
  });
}

/** As image_discover() of systemd (src/shared/discover-image.c) goes through them: an earlier directory's image wins. */
export function findExtensions(extensionClass: ExtensionClass, world: NodeWorld, notes: Notes): readonly Extension[] {
  const found: Extension[] = [];
  const taken = new Set<string>();
  for (const directory of searchDirectories[extensionClass]) {
    const here: Extension[] = [];
    for (const fileName of notes.attempt(directory, () => listEntries(world, directory), [])) {
      const extension = describeEntry(extensionClass, `${directory}/${fileName}`, fileName, world, notes);
      if (extension !== undefined) here.push({ ...extension, hidden: taken.has(extension.name) });
    }
    for (const extension of here) if (isImage(extension)) taken.add(extension.name);
    found.push(...here);
  }
  return found;
}

/** So many are nobody's, and each would be read. */
function listEntries(world: NodeWorld, directory: string): readonly string[] {
  const names = world.listNames(directory) ?? [];
  if (names.length > limits.extensions)
    throw new Fault(
      'limit.extensions',
      `Cannot look at ${directory}: ${names.length} entries, want at most ${limits.extensions}`,
      { where: directory },
    );
  return names;
}

function describeEntry(
  extensionClass: ExtensionClass,
  path: string,
  fileName: string,
  world: NodeWorld,
  notes: Notes,
): Extension | undefined {
  const placed = notes.attempt(path, () => world.place(path), undefined);
  const taken = takeEntry(extensionClass, fileName, placed?.kind, () =>
    notes.attempt(path, () => (world.listNames(path) ?? []).length === 0, false),
  );
  if (taken === undefined) return undefined;
  return {
    ...taken,
    path,
    resolvedPath: placed?.path ?? null,
    hidden: false,
    sizeBytes: placed?.sizeBytes ?? null,
    inode: placed?.inode ?? null,
    fileDevice: placed?.device ?? null,
    sha256: { value: null, grade: 'claimed', source: path },
    rootHash: { value: null, grade: 'claimed', source: path },
    release: null,
    forbiddenPaths: [],
    problem: null,
  };
}

/** How systemd takes a directory entry, and under which name; undefined where it looks at no such entry. */
function takeEntry(
  extensionClass: ExtensionClass,
  fileName: string,
  placedKind: PlacedFile['kind'] | undefined,
  isEmpty: () => boolean,
): Pick<Extension, 'kind' | 'name'> | undefined {
  const strip = (name: string, suffix: string) => (name.endsWith(suffix) ? name.slice(0, -suffix.length) : name);
  const withoutClass = (name: string) => strip(name, `.${extensionClass}`);
  switch (placedKind) {
    case 'file':
      return fileName.endsWith('.raw') ? { kind: 'raw', name: withoutClass(strip(fileName, '.raw')) } : undefined;
    case 'directory':
      if (fileName.endsWith('.v'))
        return { kind: 'versioned-directory', name: withoutClass(strip(strip(fileName, '.v'), '.raw')) };
      return { kind: isEmpty() ? 'empty-directory' : 'directory', name: withoutClass(fileName) };
    case 'block-device':
      return { kind: 'block-device', name: fileName };
    case 'character-device':
      return { kind: 'mask', name: withoutClass(strip(fileName, '.raw')) };
    case undefined:
      return { kind: 'dangling', name: withoutClass(strip(fileName, '.raw')) };
    case 'other':
      return undefined;
    default:
      return unreachable(placedKind);
  }
}

type ReadFacts = { readonly facts: Partial<Extension>; readonly release: ExtensionRelease | null };

/** Digest and verity root hash of the file as it lies there now, read once through one open file. */
async function readImage(
  extensionClass: ExtensionClass,
  name: string,
  path: string,
  world: NodeWorld,
): Promise<ReadFacts> {
  try {
    using source = world.openSource(path);
    if (source.sizeBytes > limits.fileBytes)
      throw new Fault(
        'limit.file-bytes',
        `Cannot read ${path}: ${source.sizeBytes} bytes, want at most ${limits.fileBytes}`,
      );
    const sha256 = await digestImage(source, world);
    const { facts, release } = await readContent(extensionClass, name, source, world);
    return { facts: { sha256, ...facts }, release };
  } catch (error) {
    return { facts: { problem: problemOf(error) }, release: null };
  }
}

/** The digest of its bytes, or what they were when its numbers were the same: the source says which. */
async function digestImage(source: Source, world: NodeWorld): Promise<Extension['sha256']> {
  const recalled = world.digestMemory?.recall(source);
  if (recalled !== undefined)
    return { value: recalled.hex, grade: 'claimed', source: `${source.name}, from the digest cache` };
  const [sha256] = await world.digestSource(source, ['sha256']);
  if (sha256 !== undefined) world.digestMemory?.keep(source, sha256);
  return { value: sha256?.hex ?? null, grade: 'claimed', source: source.name };
}

async function readContent(
  extensionClass: ExtensionClass,
  name: string,
  source: Source,
  world: NodeWorld,
): Promise<ReadFacts> {
  try {
    const sysext = await readSysext(source, world.hashLeaves, name);
    const { release } = sysext.release;
    const facts: Partial<Extension> = {
      rootHash: { value: sysext.verity?.report.rootHash ?? null, grade: 'claimed', source: source.name },
      release: {
        id: release.id,
        versionId: release.versionId,
        sysextLevel: release.sysextLevel,
        architecture: release.architecture,
      },
      forbiddenPaths: [...findForbiddenPaths({ tree: sysext.tree, extensionClass })],
      problem: null,
    };
    return { facts, release };
  } catch (error) {
    return { facts: { problem: problemOf(error) }, release: null };
  }
}

function problemOf(error: unknown): NonNullable<Extension['problem']> {
  if (!(error instanceof Fault)) throw error;
  return { code: error.code, message: error.message.slice(0, 4000) };
}

/** The uppermost overlay that systemd put over a hierarchy. */
function overlayOf(
  extensionClass: ExtensionClass,
  stack: readonly MountLine[],
  recordedDevice: string | undefined,
): ExtensionState['overlay'] {
  const top = stack.findLast((mount) => isMerge(mount, extensionClass));
  if (top === undefined) return null;
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
