import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { decodeUtf8, Fault, limits } from '../../core/index.ts';
import type { NodeCommand } from '../../collection/index.ts';
import { lookUp } from './system-call.ts';

const commands = {
  'dmsetup-table': ['dmsetup', 'table'],
  // Without it thin pools would write what they hold back, and one that is stalled would hold us up.
  'dmsetup-status': ['dmsetup', 'status', '--noflush'],
  losetup: ['losetup', '--json', '--output', 'NAME,MAJ:MIN,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,AUTOCLEAR'],
} as const satisfies Record<NodeCommand, readonly string[]>;

/** Where the operating system keeps its own commands. /usr/local and /opt are anybody's. */
const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

const patienceMilliseconds = 10_000;
const actionPatienceMilliseconds = 60_000;

/**
 * What a command of the operating system prints; undefined where it is not installed.
 * Faults: file.command, limit.command-bytes, bytes.utf8.
 */
export function askCommand(command: NodeCommand): string | undefined {
  const [name, ...parameters] = commands[command];
  const path = findProgram(name);
  if (path === undefined) return undefined;
  return decodeUtf8(runProgram('ask', path, parameters, patienceMilliseconds), `what ${name} printed`);
}

type Actor = 'mount' | 'umount' | 'systemctl' | 'systemd-confext' | 'systemd-sysext';

/** Has the operating system do something. Fault: file.command, also where the command is not installed. */
export function actBy(name: Actor, parameters: readonly string[]): void {
  runProgram('run', requireProgram(name), parameters, actionPatienceMilliseconds);
}

/** What systemd says of the state of a unit, as `ActiveState=WORD`. Fault: file.command. */
export function askState(unit: string): string {
  const path = requireProgram('systemctl');
  return runProgram('ask', path, ['show', '--property=ActiveState', unit], patienceMilliseconds).toString('latin1');
}

function requireProgram(name: Actor): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new Fault('file.command', `Cannot run ${name}: it is not installed`, { where: name, next: `Install ${name}` });
}

/** It gets an empty environment, no input and the root as its working directory. */
function runProgram(verb: 'ask' | 'run', path: string, parameters: readonly string[], timeout: number): Buffer {
  const { status, signal, error, stdout, stderr } = spawnSync(path, parameters, {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: limits.commandBytes,
    windowsHide: true,
  });
  if (status === 0 && error === undefined) return stdout;
  if (error !== undefined && 'code' in error && error.code === 'ENOBUFS')
    throw new Fault('limit.command-bytes', `Cannot ${verb} ${path}: it prints more than ${limits.commandBytes} bytes`, {
      where: path,
    });
  const said = stderr.toString('utf8').trim().split('\n')[0]?.slice(0, 200) ?? '';
  const problem = error?.message ?? `it ended with ${status === null ? `signal ${signal ?? ''}` : `status ${status}`}`;
  throw new Fault('file.command', `Cannot ${verb} ${path}: ${problem}${said === '' ? '' : ` (${said})`}`, {
    where: path,
    next: 'Run as root',
  });
}

function findProgram(name: string): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find(isProgram);
}

function isProgram(path: string): boolean {
  return lookUp(path, () => statSync(path))?.isFile() === true;
}
