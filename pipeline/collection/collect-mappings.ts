import { Fault, limits } from '../core/index.ts';
import { parseDeviceMapper } from '../formats/device-mapper/index.ts';
import type { MappedDevice } from '../evidence/index.ts';
import type { NodeWorld } from './world.ts';

/** Mapped devices by `major:minor`. */
export type Mappings = ReadonlyMap<string, MappedDevice>;

/**
 * All mapped devices with their whole tables. dmsetup tells tables by name; which device has a name is /sys's word.
 * Faults: device-mapper.*, limit.mapped-*, file.*.
 */
export function collectMappings(world: NodeWorld): Mappings {
  const blocks = (world.listNames('/sys/block') ?? []).filter((name) => name.startsWith('dm-'));
  // Without a mapped device there is nothing to ask, and on some kernels nobody to ask.
  if (blocks.length === 0) return new Map();
  if (blocks.length > limits.mappedDevices)
    throw new Fault(
      'limit.mapped-devices',
      `Cannot tell the mapped devices: there are ${blocks.length}, want at most ${limits.mappedDevices}`,
    );
  const tableText = world.ask('dmsetup-table');
  if (tableText === undefined)
    throw new Fault(
      'file.command',
      `Cannot tell the tables of ${blocks.length} mapped devices: dmsetup is not installed`,
      {
        where: 'dmsetup',
        next: 'Install dmsetup',
      },
    );
  const tables = parseDeviceMapper(tableText);
  const statusText = world.ask('dmsetup-status');
  const statuses = statusText === undefined ? undefined : parseDeviceMapper(statusText);
  const mappings = new Map<string, MappedDevice>();
  for (const block of blocks) {
    const name = world.readText(`/sys/block/${block}/dm/name`, 1024)?.trim();
    const device = world.readText(`/sys/block/${block}/dev`, 64)?.trim();
    if (name === undefined || device === undefined || !/^\d{1,10}:\d{1,10}$/.test(device)) continue;
    const size = world.readText(`/sys/block/${block}/size`, 64)?.trim();
    const uuid = world.readText(`/sys/block/${block}/dm/uuid`, 1024)?.trim();
    mappings.set(device, {
      device,
      name,
      uuid: uuid === undefined || uuid === '' ? null : uuid,
      targets: (tables.get(name) ?? []).map((target) => ({ ...target, parameters: [...target.parameters] })),
      status: statuses?.get(name)?.map((target) => [...target.parameters]) ?? null,
      sectors: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : null,
    });
  }
  return mappings;
}
