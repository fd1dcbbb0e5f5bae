import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';
import { placeStandaloneProgram } from '../support/standalone-program.ts';
import type { Skipped } from './case.ts';

const root = new URL('../../', import.meta.url).pathname;

/** The image of true size and what lies beside it: samples/true-size/make.sh makes the folder. */
export const trueSizeFolder = process.env['TRUE_SIZE_DIR'] ?? join(root, '.true-size');
export const makeTrueSize = `no image of true size: sudo samples/true-size/make.sh ${trueSizeFolder}, or set TRUE_SIZE_DIR`;

/** A file of that folder, undefined where it is not there. */
export function findTrueSizeFile(name: string): string | undefined {
  const path = join(trueSizeFolder, name);
  return existsSync(path) ? path : undefined;
}

/** A foreign program: in PEERS_DIR, in its bin folder, or installed. */
export function findTool(name: string): string | undefined {
  const peers = process.env['PEERS_DIR'] ?? join(root, '.peers');
  const folders = [peers, join(peers, 'bin'), ...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A file or folder of the checkout. */
export function checkoutPath(path: string): string {
  return join(root, path);
}

/** The node that runs this, and a program of the checkout: what `npm run -s nodeproof --` starts, without npm. */
export function nodeProgram(path: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, join(root, path), ...args];
}

export const cli = 'pipeline/cli/main.ts';

/** How both the command line and the programs beside it are bundled: their start is part of what is measured. */
const bundling: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Optional to the libraries that ask for them.
  external: ['unbzip2-stream', 'xmlbuilder2', 'libxmljs2'],
  // What is still CommonJS asks for Node's own modules by require.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'silent',
};

/** A program of the checkout in one file. */
export function bundleProgram(scratch: string, path: string, ...args: readonly string[]): readonly string[] {
  const outfile = join(scratch, `${basename(path, '.ts')}.mjs`);
  buildSync({ ...bundling, entryPoints: [join(root, path)], outfile });
  return [process.execPath, outfile, ...args];
}

/** The CLI bundled: what verification does not need stays in chunks of its own, unread. */
export function bundleCli(scratch: string): readonly string[] {
  const outdir = join(scratch, 'cli');
  const outExtension = { '.js': '.mjs' };
  buildSync({ ...bundling, entryPoints: [join(root, cli)], outdir, outExtension, splitting: true, minify: true });
  return [process.execPath, join(outdir, 'main.mjs')];
}

/** The program of one file that nodes run, built of the checkout or given by NODEPROOF_STANDALONE. */
export async function standaloneProgram(scratch: string): Promise<readonly string[] | Skipped> {
  const placed = await placeStandaloneProgram(scratch);
  return 'missing' in placed ? { skipped: placed.missing } : [placed.program];
}

/** Whether a command of the CLI exists and can print its help. */
export function hasCommand(verb: string): boolean {
  if (!existsSync(join(root, cli))) return false;
  const [program = '', ...args] = nodeProgram(cli, verb, '--help');
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** What a program prints. An error with what it said where it fails. */
export function runForOutput([program = '', ...args]: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1024 ** 3 });
}

/** Why a program does not do what the case wants of it, undefined when it does: one run before any is measured. */
export function findProblem(argv: readonly string[], expectedOutput?: string): string | undefined {
  const [program = '', ...args] = argv;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1024 ** 3 });
  if (status !== 0) return `exit ${status}: ${`${stderr}${stdout}`.trim().split('\n').at(-1)?.slice(0, 300) ?? ''}`;
  if (expectedOutput !== undefined && !stdout.includes(expectedOutput)) return `its output lacks ${expectedOutput}`;
  return undefined;
}
