import { Fault, type Source } from '../core/index.ts';
import {
  type Extension,
  type ExtensionState,
  isImage,
  isWatched,
  type NextBoot,
  stackMounts,
} from '../evidence/index.ts';
import { judgeExtensionRelease } from '../formats/extension-release/index.ts';
import {
  type BootKernel,
  describeVerity,
  judgeNodeImage,
  kernelPath,
  type NodeImage,
  openUsrPartition,
  readKernelFile,
  readUsrVerity,
} from '../image/index.ts';
import { type BootDisk, findBootDisk } from './boot-disk.ts';
import { type BootSlot, openBootSlot, readBootSlot } from './boot-slot.ts';
import { findExtensions, type ReadExtension, readImages } from './collect-extensions.ts';
import { collectMounts, mountFacts, type MountTable, refuseRemounts } from './mount-table.ts';
import { linkLowerEtc } from './next-links.ts';
import { type NextLinks, openNextWorld } from './next-world.ts';
import { Notes } from './notes.ts';
import { selectExtensions } from './select-extensions.ts';
import type { NodeWorld } from './world.ts';

const bootDirectory = '/boot';

/**
 * Collects what the next boot would run: the slot that the boot loader takes, its kernel, its /usr recomputed from every data
 * block, and the extensions that would be merged over it. What of these cannot be read is named in `unread`.
 *
 * Faults where there is no telling which slot it is: unavailable.boot-disk, unavailable.boot-slot, image.boot-slot, gpt.*,
 * device-mapper.*, file.*.
 */
export async function collectNextBoot(world: NodeWorld): Promise<NextBoot> {
  const notes = new Notes();
  // Looked into before the mounts are listed: systemd mounts the EFI partition when somebody does.
  notes.attempt(bootDirectory, () => world.listNames(`${bootDirectory}/flatcar`), undefined);
  const table = collectMounts(world, notes);
  const disk = findBootDisk(world, table.mounts);
  const slot = readBootSlot(world, disk);
  const kernel = notes.attempt(bootDirectory, () => readKernel(world, slot, table), null);
  using source = openBootSlot(world, disk, slot);
  const content = await readContent(world, source, kernel, table, notes);
  notes.attempt(disk.path, () => refuseChange(world, disk, slot), undefined);
  refuseRemounts(world, table, notes);
  return {
    simulated: world.simulated,
    slot: {
      name: slot.name,
      running: slot.running,
      flags: describeFlags(slot),
      source: `partition table of ${disk.path}`,
    },
    kernel:
      kernel === null
        ? null
        : { path: kernel.path, sha256: kernel.sha256.hex, embeddedUsrHash: kernel.header.embeddedUsrHash },
    ...content,
    mounts: table.mounts.filter((mount) => isWatched(mount.mountPoint)).map(mountFacts),
    mountView: table.view,
    unread: notes.unread,
  };
}

function describeFlags({ flags: { priority, tries, successful } }: BootSlot): string {
  return `priority ${priority}, tries ${tries}, ${successful ? '' : 'not '}successful`;
}

/**
 * Reads the kernel through the mounted EFI partition, for what was just written there may be on no disk yet; and only where the
 * very partition beside the slot is mounted there. Null where it has no such file. Faults: unavailable.boot-kernel,
 * linux-kernel.*, limit.kernel, file.*.
 */
function readKernel(world: NodeWorld, { partition, efiDevice }: BootSlot, { mounts }: MountTable): BootKernel | null {
  const mount = stackMounts(mounts, bootDirectory).at(-1);
  if (efiDevice === null || mount?.device !== efiDevice || mount.root !== '/')
    throw new Fault(
      'unavailable.boot-kernel',
      `Cannot read the kernel of the next boot: ${bootDirectory} is ${mount === undefined ? 'not mounted' : `on ${mount.device}`}, want the one EFI partition of the disk`,
      { where: bootDirectory, next: 'Mount the EFI partition of the disk that this node boots from at /boot' },
    );
  const path = `${bootDirectory}${kernelPath(partition)}`;
  const placed = world.place(path);
  if (placed === undefined) return null;
  const above = mounts.find(({ mountPoint }) => mountPoint.startsWith(`${bootDirectory}/`));
  // What is mounted below it is nothing that GRUB will see.
  if (above !== undefined || (!world.simulated && placed.device !== efiDevice))
    throw new Fault(
      'unavailable.boot-kernel',
      `Cannot read the kernel of the next boot: ${above?.mountPoint ?? path} is on another file system than ${bootDirectory}`,
      { where: path, next: 'Unmount what covers it' },
    );
  using source = world.openSource(path);
  return readKernelFile(source);
}

type Content = Pick<NextBoot, 'usr' | 'contradictions' | 'sysexts' | 'confexts' | 'unfit' | 'missing'>;

async function readContent(
  world: NodeWorld,
  source: Source,
  kernel: BootKernel | null,
  { mounts }: MountTable,
  notes: Notes,
): Promise<Content> {
  const opened = notes.attempt(source.name, () => openUsrPartition(source), undefined);
  if (opened === undefined)
    return { usr: null, contradictions: [], sysexts: nothing, confexts: nothing, unfit: [], missing: [] };
  const { tree, os, architecture } = opened.usr;
  const [verified, extensions] = await Promise.all([
    verify({ ...opened, kernel }, world, notes),
    readExtensions(world, { tree, os, architecture }, mounts, notes),
  ]);
  const verity = verified?.usr.verity ?? null;
  return {
    usr:
      verified === undefined
        ? null
        : { os, architecture, verity: verity === null ? null : describeVerity(verity), source: source.name },
    contradictions: verified === undefined ? [] : judgeNodeImage(verified),
    ...extensions,
  };
}

async function verify(
  opened: Parameters<typeof readUsrVerity>[0],
  world: NodeWorld,
  notes: Notes,
): Promise<NodeImage | undefined> {
  try {
    return await readUsrVerity(opened, world.hashLeaves);
  } catch (error) {
    notes.note(opened.usr.source.name, error);
    return undefined;
  }
}

type Usr = Pick<NodeImage['usr'], 'tree' | 'os' | 'architecture'>;

async function readExtensions(
  world: NodeWorld,
  { tree, os, architecture }: Usr,
  mounts: MountTable['mounts'],
  notes: Notes,
): Promise<Pick<Content, 'sysexts' | 'confexts' | 'unfit' | 'missing'>> {
  const lower = await readLinks(world, tree, mounts, notes);
  const { links, missing } = notes.attempt(
    '/etc/flatcar',
    () => selectExtensions(openNextWorld(world, tree, lower), os.version),
    { links: new Map(), missing: [] },
  );
  const next = openNextWorld(world, tree, new Map([...lower, ...links]));
  const host = { os, architecture, scope: 'system' } as const;
  const read = async (kind: 'sysext' | 'confext') => {
    // One after the other: those inside /usr are in memory while they are read.
    const images = await readImages(kind, findExtensions(kind, next, notes), next, 1);
    const unfit = images.flatMap(({ extension, release }) => {
      const reasons =
        release === null || extension.hidden ? [] : judgeExtensionRelease(extension.name, release, host, kind);
      return reasons.length === 0 ? [] : [{ extension, reasons }];
    });
    return { state: stateOf(images, new Set(unfit.map(({ extension }) => extension))), unfit };
  };
  const sysexts = await read('sysext');
  const confexts = await read('confext');
  return {
    sysexts: sysexts.state,
    confexts: confexts.state,
    unfit: [...unfitOf('sysexts', sysexts.unfit), ...unfitOf('confexts', confexts.unfit)],
    missing,
  };
}

async function readLinks(
  world: NodeWorld,
  tree: Usr['tree'],
  mounts: MountTable['mounts'],
  notes: Notes,
): Promise<NextLinks> {
  try {
    return await linkLowerEtc(world, openNextWorld(world, tree, new Map()), mounts);
  } catch (error) {
    notes.note('/etc/extensions', error);
    return new Map();
  }
}

type Unfit = { readonly extension: Extension; readonly reasons: NextBoot['unfit'][number]['reasons'] };

function unfitOf(kind: 'sysexts' | 'confexts', unfit: readonly Unfit[]): NextBoot['unfit'] {
  return unfit.map(({ extension: { name, path }, reasons }) => ({ field: `${kind}.${name}`, path, reasons }));
}

/** What is an image, is hidden by no other and fits is merged. */
function stateOf(images: readonly ReadExtension[], unfit: ReadonlySet<Extension>): ExtensionState {
  const found = images.map(({ extension }) => extension);
  const taken = found.filter((extension) => isImage(extension) && !extension.hidden && !unfit.has(extension));
  return { ...nothing, found, merged: { ...nothing.merged, value: [...new Set(taken.map(({ name }) => name))] } };
}

const nothing: ExtensionState = {
  found: [],
  merged: { value: null, grade: 'claimed', source: 'what the next merge takes' },
  overlay: null,
  opt: null,
};

/** update_engine may be at it: what was read before and after it marks a slot is of no boot that will be. */
function refuseChange(world: NodeWorld, disk: BootDisk, { partition }: BootSlot): void {
  const after = readBootSlot(world, disk).partition;
  if (after.guid === partition.guid && after.attributes === partition.attributes) return;
  throw new Fault('file.changed', 'Cannot tell the next boot: the partition table changed while it was looked at', {
    where: disk.path,
    next: 'Try again when no update is being written',
  });
}
