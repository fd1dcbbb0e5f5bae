import { type Partition, partitionType } from '../formats/gpt/index.ts';

/** What the boot loader and update_engine keep in the attributes of a USR partition. */
export type BootFlags = { readonly priority: number; readonly tries: number; readonly successful: boolean };

/** Bits 48 to 51, 52 to 55 and 56 of the attributes (GRUB, gpt_partition.h, GPTPRIO; cgpt calls them the same). */
export function readBootFlags({ attributes }: Pick<Partition, 'attributes'>): BootFlags {
  return {
    priority: Number((attributes >> 48n) & 0xfn),
    tries: Number((attributes >> 52n) & 0xfn),
    successful: ((attributes >> 56n) & 1n) === 1n,
  };
}

/** Whether a partition is a slot: by its type, as the boot loader takes it, and by no label. */
export function isUsr(partition: Pick<Partition, 'typeGuid'>): boolean {
  return partition.typeGuid === partitionType.flatcarUsr;
}

/**
 * The slot that the boot loader takes next; undefined where it would take none. As grub_find_next() of gptprio.c goes through
 * them: of those that were successful or have tries left the one of highest priority, of several the first. Priority 0 is
 * never taken.
 */
export function chooseBootSlot<P extends Pick<Partition, 'typeGuid' | 'attributes'>>(
  partitions: readonly P[],
): P | undefined {
  let best: { readonly partition: P; readonly priority: number } | undefined;
  for (const partition of partitions.filter(isUsr)) {
    const { priority, tries, successful } = readBootFlags(partition);
    if ((tries > 0 || successful) && priority > (best?.priority ?? 0)) best = { partition, priority };
  }
  return best?.partition;
}

const slots: Readonly<Record<string, 'A' | 'B'>> = {
  '7130c94a-213a-4e5a-8e26-6cce9662f132': 'A',
  'e03dd35c-7c2d-4a47-b3fe-27f15780a57c': 'B',
};

/** `USR-A` or `USR-B` by the partition's own GUID, which the boot loader goes by; of any other its number. */
export function nameSlot({ guid, number }: Pick<Partition, 'guid' | 'number'>): string {
  const slot = slots[guid];
  return slot === undefined ? `partition ${number}` : `USR-${slot}`;
}

/** Where GRUB looks: vmlinuz-a for USR-A and vmlinuz-b for any other (Flatcar, build_library/grub.cfg). */
export function kernelPath({ guid }: Pick<Partition, 'guid'>): string {
  return `/flatcar/${slots[guid] === 'A' ? 'vmlinuz-a' : 'vmlinuz-b'}`;
}
