import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Foreign tools that judge the product: programs that were built for it, in `$PEERS_DIR/bin`, and those on the PATH. */
const peers = join(process.env['PEERS_DIR'] ?? '.peers', 'bin');

/** Where a tool is, or undefined where it is not installed. */
export function findTool(name: string): string | undefined {
  const folders = [peers, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The peers that were built, as files to read. */
export function listPeers(): string[] {
  return existsSync(peers) ? readdirSync(peers).map((name) => join(peers, name)) : [];
}

export function runTool(path: string, ...args: string[]): string {
  return execFileSync(path, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
