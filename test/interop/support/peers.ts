import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export type Peer =
  | 'actionlint'
  | 'cosign'
  | 'fulcio'
  | 'ignition'
  | 'oras'
  | 'posix'
  | 'referrers-registry'
  | 'registry'
  | 'syft'
  | 'timestamp-server'
  | 'validate';

const directory = join(process.env['PEERS_DIR'] ?? resolve(import.meta.dirname, '../../../.peers'), 'bin');

export function peerPath(peer: Peer): string {
  return join(directory, peer);
}

/** Why a test cannot run, printed once for each of them; undefined where all programs are there. */
export function missing(...peers: readonly Peer[]): string | undefined {
  const absent = peers.filter((peer) => !isExecutable(peerPath(peer)));
  if (absent.length === 0) return undefined;
  const reason = `${absent.join(', ')} not in ${directory}: build with test/interop/peers.sh`;
  console.warn(`skipped: ${reason}`);
  return reason;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export type Outcome = { readonly code: number; readonly output: string };

/** Runs a program to its end, with a home of its own so that nothing of the user's settings counts. */
export async function runPeer(
  peer: Peer,
  args: readonly string[],
  home: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], HOME: home, ...environment };
  try {
    const { stdout, stderr } = await promisify(execFile)(peerPath(peer), args, { env, timeout: 60_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : -1, output: `${stdout}${stderr}` };
  }
}
