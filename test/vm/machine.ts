import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../support/tools.ts';

/** What make-machine.sh makes: a disk as Flatcar has it, its kernel and initrd, and extensions. */
export type Machine = {
  readonly file: (name: string) => string;
  readonly usrHash: string;
  readonly otherUsrHash: string;
};

export function openMachine(folder: string): Machine {
  const file = (name: string) => join(folder, name);
  return {
    file,
    usrHash: readFileSync(file('usr.hash'), 'utf8'),
    otherUsrHash: readFileSync(file('other-usr.hash'), 'utf8'),
  };
}

/** Why no machine can be made or started here, or null. */
export function whatIsMissing(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not Linux on x86-64';
  if (process.getuid?.() !== 0) return 'not root';
  const tools = ['qemu-system-x86_64', 'debootstrap', 'mkfs.btrfs', 'veritysetup', 'mkfs.fat', 'mmd', 'mkfs.ext4'];
  const missing = [...tools, 'sgdisk', 'mksquashfs', 'cpio', 'xz', 'zstd'].filter(
    (name) => findTool(name) === undefined,
  );
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
}

/** A disk of its own: what a case does to it no other sees. */
export function copyDisk(from: string, to: string): string {
  execFileSync('cp', ['--sparse=always', '--reflink=auto', from, to]);
  return to;
}

/** Does something to a disk that is not running. `$ROOT` is its ROOT file system, `$M` the folder of the machine. */
export function editDisk(machine: Machine, disk: string, script: string): void {
  const prelude = `
set -euo pipefail
ROOT=$(mktemp -d)
mount -o loop,offset=$(($(cat "$M/partition-9.sector") * 512)) "$DISK" "$ROOT"
trap 'umount "$ROOT"; rmdir "$ROOT"' EXIT
`;
  execFileSync('bash', ['-c', `${prelude}${script}`], {
    env: { PATH: process.env['PATH'], M: machine.file(''), DISK: disk },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** What is run on the started machine, once it has settled, and told in sections. */
export type Steps = Readonly<Record<string, string>>;

export type Run = {
  readonly console: string;
  /** What each step printed, by its name. */
  readonly said: Readonly<Record<string, string>>;
};

export type BootOptions = {
  /** Words at the end of the kernel command line. */
  readonly append?: (machine: Machine) => string;
  /** What /usr is started by; the honest one without. */
  readonly usrHash?: (machine: Machine) => string;
  readonly steps: Steps;
};

const patienceMilliseconds = 1_800_000;

/**
 * Starts a machine from its disk, has it run the steps one after the other, and waits until it is switched off. What it
 * changes on the disk stays there. Emulated: nested virtualisation is not to be had everywhere.
 */
export async function boot(machine: Machine, disk: string, start: BootOptions): Promise<Run> {
  const { append = () => '', usrHash = ({ usrHash: own }) => own, steps } = start;
  const folder = `${disk}.run`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'steps'), renderSteps(steps));
  editDisk(machine, disk, `mkdir -p "$ROOT/var/lib/case" && cp '${folder}/steps' "$ROOT/var/lib/case/run"`);
  const consolePath = join(folder, 'console');
  const saidPath = join(folder, 'said');
  const commandLine = [
    'BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132',
    'rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT console=ttyS0,115200 flatcar.oem.id=qemu',
    `verity.usrhash=${usrHash(machine)}`,
    append(machine),
  ];
  const options = {
    machine: ['-nodefaults', '-no-reboot', '-display', 'none', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    size: ['-m', '2048', '-smp', '2', '-device', 'virtio-rng-pci'],
    kernel: ['-kernel', machine.file('vmlinuz'), '-initrd', machine.file('initrd')],
    commandLine: ['-append', commandLine.join(' ').trim()],
    disk: ['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
    serial: ['-serial', `file:${consolePath}`, '-serial', `file:${saidPath}`],
  };
  await runToEnd('qemu-system-x86_64', Object.values(options).flat());
  return { console: readFileSync(consolePath, 'utf8'), said: parseSaid(readFileSync(saidPath, 'utf8')) };
}

function runToEnd(program: string, parameters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'inherit'], timeout: patienceMilliseconds });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${signal ?? code}`));
    });
  });
}

const mark = '=== step ';

/** Each step in a shell of its own: what one leaves behind in its shell is nothing to the next. */
function renderSteps(steps: Steps): string {
  return Object.entries(steps)
    .map(([name, script]) => `echo '${mark}${name}'\nbash <<'END OF STEP'\n${script}\nEND OF STEP\n`)
    .concat(`echo '${mark}end'\n`)
    .join('');
}

function parseSaid(text: string): Run['said'] {
  const parts = text.replaceAll('\r\n', '\n').split(mark).slice(1);
  return Object.fromEntries(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}
