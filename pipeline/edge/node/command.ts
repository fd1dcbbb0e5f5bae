import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { decodeUtf8, Fault, limits } from '../../core/index.ts';
import type { NodeCommand } from '../../collection/index.ts';
import { lookUp } from './system-call.ts';

const commands = {
  'dmsetup-table': ['dmsetup', 'table'],
  'dmsetup-status': ['dmsetup', 'status'],
  losetup: ['losetup', '--json', '--output', 'NAME,MAJ:MIN,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,AUTOCLEAR'],
} as const satisfies Record<NodeCommand, readonly string[]>;

/** Where the operating system keeps its own commands. /usr/local and /opt are anybody's. */
const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

const patienceMilliseconds = 10_000;

/**
 * What a command of the operating system prints; undefined where it is not installed. It gets an empty environment, no
 * input and the root as its working directory. Faults: file.command, bytes.utf8.
 */
export function askCommand(command: NodeCommand): string | undefined {
  const [name, ...parameters] = commands[command];
  const path = directories.map((directory) => `${directory}/${name}`).find(isProgram);
  if (path === undefined) return undefined;
  const { status, signal, error, stdout, stderr } = spawnSync(path, parameters, {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceMilliseconds,
    killSignal: 'SIGKILL',
    maxBuffer: limits.losetupBytes,
    windowsHide: true,
  });
  if (status === 0 && error === undefined) return decodeUtf8(stdout, `what ${name} printed`);
  const said = stderr.toString('utf8').trim().split('\n')[0]?.slice(0, 200) ?? '';
  const problem = error?.message ?? `it ended with ${status === null ? `signal ${signal ?? ''}` : `status ${status}`}`;
  throw new Fault('file.command', `Cannot ask ${path}: ${problem}${said === '' ? '' : ` (${said})`}`, {
    where: path,
    next: 'Run as root',
  });
}

function isProgram(path: string): boolean {
  return lookUp(path, () => statSync(path))?.isFile() === true;
}
