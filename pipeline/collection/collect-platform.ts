import { Fault } from '../core/index.ts';
import { readGpt } from '../formats/gpt/index.ts';
import { readBootFlags } from '../image/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { listUnverifiedTransfers } from '../units/index.ts';
import type { NodeWorld } from './world.ts';

type Platform = Evidence['platform'];
type Fact = Platform['lockdown'];

/** What cannot be read here refuses nobody: nothing of it is judged. It is told as a problem. */
class Problems {
  readonly list: string[] = [];

  attempt<T>(step: () => T, fallback: T): T {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (this.list.length < 32) this.list.push(error.message.slice(0, 1000));
      return fallback;
    }
  }
}

/**
 * What the firmware, the kernel and update_engine say of themselves.
 *
 * @param usrDevice `major:minor` of the partition that holds the data of /usr
 */
export function collectPlatform(world: NodeWorld, usrDevice: string | undefined): Platform {
  const problems = new Problems();
  const tell = (source: string, grade: Fact['grade'], step: (path: string) => string | null): Fact => ({
    value: problems.attempt(() => step(source), null),
    grade,
    source,
  });
  const slots = problems.attempt(() => (usrDevice === undefined ? [] : readSlots(world, usrDevice)), []);
  return {
    lockdown: tell('/sys/kernel/security/lockdown', 'kernel', (path) => chosenWord(readWord(world, path))),
    secureBoot: tell(secureBootPath, 'kernel', (path) => readSwitch(world.readText(path, 64))),
    imaMeasurements: tell('/sys/kernel/security/ima/runtime_measurements_count', 'kernel', (path) =>
      readWord(world, path),
    ),
    systemd: tell('/usr/lib', 'claimed', () => findSystemd(world)),
    sysupdateTimers: problems.attempt(() => listTimers(world), []),
    unverifiedTransfers: problems.attempt(
      () => [...new Set(listUnverifiedTransfers(world).map(({ file }) => file))].slice(0, 256),
      [],
    ),
    slots,
    updatePending: isUpdatePending(slots),
    problems: problems.list,
  };
}

function readWord(world: NodeWorld, path: string): string | null {
  return world.readText(path, 4096)?.trim() ?? null;
}

/** `none [integrity] confidentiality`: the one in brackets holds. */
function chosenWord(text: string | null): string | null {
  return /\[([a-z]{1,40})\]/.exec(text ?? '')?.[1] ?? null;
}

/** UEFI's global variable, as efivarfs shows it: four bytes of attributes, then the value. */
const secureBootPath = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

function readSwitch(text: string | undefined): string | null {
  if (text?.length !== 5) return null;
  const value = text.charCodeAt(4);
  return value === 1 ? 'on' : value === 0 ? 'off' : null;
}

/** The library of systemd's programs has its version in its name: told without running any of them. */
function findSystemd(world: NodeWorld): string | null {
  const directories = [
    '/usr/lib/systemd',
    '/usr/lib64/systemd',
    '/usr/lib/x86_64-linux-gnu/systemd',
    '/usr/lib/aarch64-linux-gnu/systemd',
  ];
  for (const directory of directories)
    for (const name of world.listNames(directory) ?? []) {
      const [, version] = /^libsystemd-shared-(\w[\w.~+-]{0,40})\.so$/.exec(name) ?? [];
      if (version !== undefined) return version;
    }
  return null;
}

function listTimers(world: NodeWorld): string[] {
  const directory = '/etc/systemd/system/timers.target.wants';
  return (world.listNames(directory) ?? []).filter((name) => /^systemd-sysupdate.*\.timer$/.test(name)).slice(0, 64);
}

/** The slots that update_engine writes to. */
function readSlots(world: NodeWorld, usrDevice: string): Platform['slots'] {
  const path = world.place(`/sys/dev/block/${usrDevice}`)?.path;
  const number = path === undefined ? null : readWord(world, `${path}/partition`);
  const disk = path?.split('/').at(-2);
  if (number === null || disk === undefined || !/^[\w-]{1,64}$/.test(disk)) return [];
  using source = world.openSource(`/dev/${disk}`);
  return readGpt(source)
    .partitions.filter(({ label }) => label === 'USR-A' || label === 'USR-B')
    .slice(0, 16)
    .map((slot) => ({
      label: slot.label,
      number: slot.number,
      ...readBootFlags(slot),
      running: String(slot.number) === number,
    }));
}

/** The boot loader takes the slot of the highest priority that was successful or has tries left. */
function isUpdatePending(slots: Platform['slots']): boolean | null {
  const running = slots.find((slot) => slot.running);
  if (running === undefined) return null;
  return slots.some(
    ({ priority, tries, successful, running: runs }) =>
      !runs && priority > running.priority && (successful || tries > 0),
  );
}
