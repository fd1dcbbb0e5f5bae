import { isMerge, type MappedDevice, stackMounts } from '../evidence/index.ts';
import type { MountLine } from '../formats/mountinfo/index.ts';
import type { NodeWorld } from './world.ts';

/** What lies under merges and whatever else was mounted over /usr; none where /usr is no mount of its own. */
export function lowestUsr(mounts: readonly MountLine[]): MountLine | undefined {
  const [lowest] = stackMounts(mounts, '/usr');
  return lowest === undefined || isMerge(lowest, 'sysext') ? undefined : lowest;
}

/** The partition that a verity mapping reads its data from. */
export function dataDeviceOf(mapping: MappedDevice | undefined): string | undefined {
  const device = mapping?.targets[0]?.type === 'verity' ? mapping.targets[0].parameters[1] : undefined;
  return device !== undefined && isDeviceNumber(device) ? device : undefined;
}

/**
 * The block device of a mount. A file system of one device says it itself; btrfs shows an anonymous device, so the device
 * that its mount source names must be one that the kernel lists as a member of a btrfs file system.
 */
export function findDevice(world: NodeWorld, mount: MountLine): string | undefined {
  if (!mount.device.startsWith('0:')) return mount.device;
  if (mount.fileSystem !== 'btrfs') return undefined;
  const members = (world.listNames('/sys/fs/btrfs') ?? []).flatMap((fsid) => {
    const names = world.listNames(`/sys/fs/btrfs/${fsid}/devices`) ?? [];
    const devices = names.flatMap((name) => readDeviceNumber(world, `/sys/fs/btrfs/${fsid}/devices/${name}/dev`) ?? []);
    return devices.length === 0 ? [] : [devices];
  });
  const named = world.place(mount.source);
  const sourceName = named === undefined ? mount.source : named.path;
  const named1 = readDeviceNumber(world, `/sys/class/block/${sourceName.split('/').at(-1) ?? ''}/dev`);
  const [own, ...others] = members.filter((devices) => named1 !== undefined && devices.includes(named1));
  if (own !== undefined && others.length === 0 && own.length === 1) return own[0];
  // The source is a name that anyone may give; the members are the kernel's word. One alone needs no name.
  const [only, ...more] = members;
  return only !== undefined && more.length === 0 && only.length === 1 ? only[0] : undefined;
}

/** `major:minor` as /sys writes it; undefined where there is no such file, or something else in it. */
export function readDeviceNumber(world: NodeWorld, path: string): string | undefined {
  const text = world.readText(path, 64)?.trim();
  return text !== undefined && isDeviceNumber(text) ? text : undefined;
}

/** The node of a block device, where there is one that can be opened. */
export function devicePath(world: NodeWorld, device: string): string | undefined {
  const path = `/dev/block/${device}`;
  const placed = world.place(path);
  return placed?.kind === 'block-device' || placed?.kind === 'file' ? path : undefined;
}

function isDeviceNumber(text: string): boolean {
  return /^\d{1,10}:\d{1,10}$/.test(text);
}
