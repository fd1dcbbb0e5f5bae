import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A server that lives as long as its scope, and not longer than this process. */
export type SupervisedProcess = AsyncDisposable & {
  /** Throws what the server said if it has ended, for tests that fail because of it. */
  assertRuns(): void;
};

const readyMs = 30_000;
const keptCharacters = 8000;

/** Starts a server and waits until the URL answers, whatever it answers. */
export async function startProcess(
  command: string,
  args: readonly string[],
  readyUrl: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<SupervisedProcess> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...environment },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  const keep = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-keptCharacters);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let failure: string | undefined;
  child.on('error', (error) => {
    failure = error.message;
  });
  const assertRuns = (): void => {
    if (failure === undefined && child.exitCode === null && child.signalCode === null) return;
    throw new Error(
      `${command} ${args.join(' ')} has ended (${failure ?? child.exitCode ?? child.signalCode}): ${said}`,
    );
  };
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    await stopProcess(child);
  };
  try {
    await waitFor(readyUrl, assertRuns);
  } catch (error) {
    await stop();
    throw new Error(`${command} did not start: ${said}`, { cause: error });
  }
  return { assertRuns, [Symbol.asyncDispose]: stop };
}

async function waitFor(url: string, assertRuns: () => void): Promise<void> {
  const deadline = Date.now() + readyMs;
  for (;;) {
    assertRuns();
    try {
      await fetch(url, { signal: AbortSignal.timeout(1000) });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(100);
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill('SIGTERM');
  const patience = setTimeout(3000, 'late', { ref: false });
  if ((await Promise.race([ended, patience])) === 'late') child.kill('SIGKILL');
  await ended;
}

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve);
        }),
    ),
  );
  return ports;
}
