import { Fault } from '../core/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import { collectMappings } from './collect-mappings.ts';
import { dataDeviceOf, devicePath, findDevice, lowestUsr, readDeviceNumber } from './usr-device.ts';
import type { NodeWorld } from './world.ts';

/** A partition as the kernel has it, which need not be as the table says that it is. */
export type DiskPartition = {
  readonly device: string;
  /** Of 512 bytes, whatever the disk has (Documentation/block/stat.rst). */
  readonly startSector: number;
  readonly sectors: number;
};

/** The disk that a node booted from. */
export type BootDisk = {
  /** That can be opened: `/dev/block/8:0`. */
  readonly path: string;
  /** The number of the partition that /usr runs from. */
  readonly running: number;
  readonly partitions: ReadonlyMap<number, DiskPartition>;
};

/**
 * The disk of the partition that /usr runs from now: the boot loader reads the table of the disk that it came from itself.
 * Faults: unavailable.boot-disk, device-mapper.*, file.*.
 */
export function findBootDisk(world: NodeWorld, mounts: readonly MountLine[]): BootDisk {
  const mount = lowestUsr(mounts);
  const device = mount === undefined ? undefined : findDevice(world, mount);
  const partition = device === undefined ? undefined : (dataDeviceOf(collectMappings(world).get(device)) ?? device);
  const disk = partition === undefined ? undefined : readDisk(world, partition);
  if (disk !== undefined) return disk;
  const found = partition === undefined ? 'the device under /usr is not known' : `${partition} is on none`;
  throw new Fault('unavailable.boot-disk', `Cannot tell the disk of the next boot: ${found}, want a disk in /sys`, {
    where: '/usr',
    next: 'Run as root; a node that boots over the network or into memory has no slots',
  });
}

function readDisk(world: NodeWorld, partition: string): BootDisk | undefined {
  const own = world.place(`/sys/dev/block/${partition}`)?.path;
  if (own === undefined) return undefined;
  const running = readNumber(world, `${own}/partition`);
  const place = own.slice(0, own.lastIndexOf('/'));
  const device = readDeviceNumber(world, `${place}/dev`);
  const path = device === undefined ? undefined : devicePath(world, device);
  if (running === undefined || path === undefined) return undefined;
  const partitions = (world.listNames(place) ?? []).flatMap((name) => readPartition(world, `${place}/${name}`));
  return { path, running, partitions: new Map(partitions) };
}

function readPartition(world: NodeWorld, place: string): readonly (readonly [number, DiskPartition])[] {
  const number = readNumber(world, `${place}/partition`);
  const device = number === undefined ? undefined : readDeviceNumber(world, `${place}/dev`);
  const startSector = readNumber(world, `${place}/start`);
  const sectors = readNumber(world, `${place}/size`);
  if (number === undefined || device === undefined || startSector === undefined || sectors === undefined) return [];
  return [[number, { device, startSector, sectors }]];
}

function readNumber(world: NodeWorld, path: string): number | undefined {
  // Beside partitions there are files of all kinds, and not all of them can be read.
  if (world.place(path)?.kind !== 'file') return undefined;
  const text = world.readText(path, 64)?.trim();
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
