import { Fault, type Source } from '../core/index.ts';
import { type Partition, partitionType, readGpt } from '../formats/gpt/index.ts';
import { chooseBootSlot, type BootFlags, nameSlot, readBootFlags } from '../image/index.ts';
import type { BootDisk, DiskPartition } from './boot-disk.ts';
import { devicePath } from './usr-device.ts';
import type { NodeWorld } from './world.ts';

/** The slot that boots next. */
export type BootSlot = {
  readonly name: string;
  readonly partition: Partition;
  readonly flags: BootFlags;
  /** Whether it is the one that runs now. */
  readonly running: boolean;
  /** `major:minor` of the EFI system partition beside it; null where the disk has none, or several. */
  readonly efiDevice: string | null;
};

/**
 * Reads from the table which slot the boot loader takes next.
 * Faults: image.boot-slot, gpt.*, file.*.
 */
export function readBootSlot(world: NodeWorld, disk: BootDisk): BootSlot {
  // Tools change the table through the disk: what a partition's own device shows of it may be old.
  using source = world.openSource(disk.path);
  const { partitions } = readGpt(source);
  const partition = chooseBootSlot(partitions);
  if (partition === undefined)
    throw new Fault(
      'image.boot-slot',
      `Cannot tell the next boot: no USR partition of ${disk.path} has a priority, and was successful or has tries left`,
      { where: disk.path, next: 'See cgpt show; a node like this does not boot again' },
    );
  // The initrd looks for the partition by its GUID, on every disk: of two it takes any.
  if (partitions.filter(({ guid }) => guid === partition.guid).length > 1)
    throw new Fault('image.boot-slot', `Cannot tell the next boot: several partitions have GUID ${partition.guid}`, {
      where: disk.path,
      next: 'Find out who wrote the partition table, and reinstall this node',
    });
  const [efi, ...others] = partitions.filter(({ typeGuid }) => typeGuid === partitionType.efiSystem);
  return {
    name: nameSlot(partition),
    partition,
    flags: readBootFlags(partition),
    running: partition.number === disk.running,
    efiDevice: efi === undefined || others.length > 0 ? null : (disk.partitions.get(efi.number)?.device ?? null),
  };
}

/**
 * Opens a slot through its own device: update_engine writes to that one, and the kernel keeps no page of it for the disk's.
 * Faults: unavailable.boot-slot, image.boot-slot, file.*.
 */
export function openBootSlot(world: NodeWorld, disk: BootDisk, { name, partition }: BootSlot): Source & Disposable {
  const known = disk.partitions.get(partition.number);
  const path = known === undefined ? undefined : devicePath(world, known.device);
  if (known === undefined || path === undefined)
    throw new Fault('unavailable.boot-slot', `Cannot read ${name}: the kernel shows no device for it`, {
      where: disk.path,
      next: 'Have the kernel read the partition table again, or run as root',
    });
  const source = world.openSource(path);
  if (isPlaced(known, partition) && source.sizeBytes === partition.sizeBytes) return source;
  source[Symbol.dispose]();
  throw new Fault(
    'image.boot-slot',
    `Cannot read ${name}: the kernel has it elsewhere on the disk, or of another size, than the partition table that boots next`,
    { where: path, next: 'Find out who wrote the partition table' },
  );
}

function isPlaced({ startSector, sectors }: DiskPartition, { offsetBytes, sizeBytes }: Partition): boolean {
  return startSector * 512 === offsetBytes && sectors * 512 === sizeBytes;
}
