import { Fault, type Grade, limits } from '../core/index.ts';
import { parseLosetup } from '../formats/losetup/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import { type OsRelease, parseOsRelease } from '../formats/os-release/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { openFileTree, placeTree, readOsRelease } from '../image/index.ts';
import { listExtensions, readExtensions } from './collect-extensions.ts';
import { collectFlatcar } from './collect-flatcar.ts';
import { collectLoops } from './collect-loops.ts';
import { collectMappings, type Mappings } from './collect-mappings.ts';
import { collectPlatform } from './collect-platform.ts';
import { collectUnits } from './collect-units.ts';
import { type Evidence, evidenceSchema, evidenceType, isWatched, type MappedDevice } from '../evidence/index.ts';
import { collectMounts, mountFacts, refuseRemounts } from './mount-table.ts';
import { Notes } from './notes.ts';
import { dataDeviceOf, devicePath, findDevice, lowestUsr } from './usr-device.ts';
import type { NodeWorld } from './world.ts';

export type CollectionOptions = {
  /** Whether to tell the digests of the programs that units run, which an audit wants and a verdict does not need. */
  readonly digestPrograms: boolean;
};

/**
 * Collects what a node says about itself, each fact with its grade and how it was obtained. What cannot be read is named in
 * `unread`, which is a reason not to admit. Faults: evidence.field, where there is more than the document can hold;
 * unavailable.node-table.
 */
export async function collectEvidence(
  world: NodeWorld,
  { digestPrograms }: CollectionOptions = { digestPrograms: false },
): Promise<Evidence> {
  const notes = new Notes();
  const table = collectMounts(world, notes);
  const { mounts } = table;
  const loopLines = notes.attemptTable('losetup', () => parseLosetup(world.ask('losetup') ?? ''), []);
  const mappings = notes.attemptTable('dmsetup', () => collectMappings(world), new Map());
  const usrMount = lowestUsr(mounts);
  const usrDevice =
    usrMount === undefined ? undefined : notes.attempt('/sys/fs/btrfs', () => findDevice(world, usrMount), undefined);
  const usrMapping = usrDevice === undefined ? undefined : mappings.get(usrDevice);
  const os = readLowerOsRelease(world, usrDevice, usrMapping, notes);
  const listed = {
    sysexts: listExtensions('sysext', world, mounts, notes),
    confexts: listExtensions('confext', world, mounts, notes),
  };
  // At once: the files and the devices that run from them are hashed side by side.
  const [sysexts, confexts, loops] = await Promise.all([
    readExtensions('sysext', listed.sysexts, world),
    readExtensions('confext', listed.confexts, world),
    collectLoops(loopLines, [...listed.sysexts.found, ...listed.confexts.found], world, notes),
  ]);
  const units = await collectUnits(world, digestPrograms);
  const flatcar = collectFlatcar(world, notes);
  refuseRemounts(world, table, notes);
  const evidence: Evidence = {
    type: evidenceType,
    collectedAt: world.now.toISOString(),
    simulated: world.simulated,
    os: {
      id: { value: os?.release.id ?? null, ...knownBy(os) },
      versionId: { value: os?.release.versionId ?? null, ...knownBy(os) },
      buildId: { value: os?.release.buildId ?? null, ...knownBy(os) },
      architecture: { value: world.architecture, grade: 'kernel', source: 'uname' },
    },
    kernel: {
      release: { value: world.kernelRelease, grade: 'kernel', source: 'uname' },
      commandLine: {
        value: notes.attempt(
          '/proc/cmdline',
          () => world.readText('/proc/cmdline', limits.commandLineBytes) ?? null,
          null,
        ),
        grade: 'claimed',
        source: '/proc/cmdline',
      },
    },
    usr: {
      mount: usrMount === undefined ? null : mountFacts(usrMount),
      mapping: {
        value: usrMapping ?? null,
        grade: 'kernel',
        source: describeMapping(table.view.source, usrMount, usrDevice, mappings),
      },
    },
    mounts: mounts.filter((mount) => isWatched(mount.mountPoint)).map(mountFacts),
    mountView: table.view,
    loops,
    mappings: [...mappings.values()],
    sysexts,
    confexts,
    units,
    flatcar,
    platform: collectPlatform(world, dataDeviceOf(usrMapping) ?? usrDevice),
    unread: notes.unread,
  };
  // A root that is stranger than the document can tell is refused here, not by whoever reads the document.
  return parseWith(evidenceSchema, evidence, 'evidence.field', 'what this node shows');
}

function describeMapping(
  table: string,
  mount: MountLine | undefined,
  device: string | undefined,
  mappings: Mappings,
): string {
  if (mount === undefined) return `${table}: /usr is no mount`;
  if (device === undefined) return `${table}: /usr is on ${mount.source}, whose device cannot be told`;
  return mappings.has(device)
    ? `dmsetup table of ${device}, which /usr is on`
    : `device ${device}, which /usr is on, is no mapping`;
}

type LowerOsRelease = { readonly release: OsRelease; readonly grade: Grade; readonly source: string };

/**
 * os-release of the /usr under all extensions. Read through the mapped device, where it can be opened: then the kernel
 * vouches for every block of it. Else the file that is seen, which an extension could shadow.
 */
function readLowerOsRelease(
  world: NodeWorld,
  device: string | undefined,
  mapping: MappedDevice | undefined,
  notes: Notes,
): LowerOsRelease | undefined {
  const node =
    device === undefined ? undefined : notes.attempt('/dev/block', () => devicePath(world, device), undefined);
  if (node !== undefined && mapping?.targets[0]?.type === 'verity') {
    const release = notes.attempt(
      node,
      () => {
        using source = world.openSource(node);
        return readOsRelease(placeTree(openFileTree(source), 'usr'));
      },
      undefined,
    );
    if (release !== undefined) return { release, grade: 'kernel', source: `/lib/os-release on ${node}` };
  }
  const path = '/usr/lib/os-release';
  const release = notes.attempt(
    path,
    () => {
      const text = world.readText(path, limits.releaseFileBytes);
      return text === undefined ? undefined : parseOsRelease(Buffer.from(text));
    },
    undefined,
  );
  return release === undefined ? undefined : { release, grade: 'claimed', source: path };
}

function knownBy(os: LowerOsRelease | undefined): { grade: Grade; source: string } {
  return os === undefined
    ? { grade: 'claimed', source: '/usr/lib/os-release' }
    : { grade: os.grade, source: os.source };
}

/** Only live evidence may let a node join. Fault: usage.simulated. */
export function refuseSimulated(evidence: Evidence): void {
  if (!evidence.simulated) return;
  throw new Fault('usage.simulated', 'Cannot let a node join on simulated evidence: it was collected with --root', {
    next: 'Run node verify --join on the node itself, without --root and --evidence',
  });
}
