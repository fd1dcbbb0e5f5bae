import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';

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

/** The node that runs this, and a program of the checkout: what `npm run -s nodeproof --` starts, without npm. */
export function nodeProgram(path: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, join(root, path), ...args];
}

export const cli = 'pipeline/cli/main.ts';

/** A program of the checkout bundled as what ships is: its start is part of what is measured. */
export function bundleProgram(scratch: string, path: string, ...args: readonly string[]): readonly string[] {
  const outfile = join(scratch, `${basename(path, '.ts')}.mjs`);
  const common = { bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' } as const;
  buildSync({ ...common, entryPoints: [join(root, path)], outfile });
  return [process.execPath, outfile, ...args];
}

/** The CLI bundled: what verification does not need stays in chunks of its own, unread. */
export function bundleCli(scratch: string): readonly string[] {
  const outdir = join(scratch, 'cli');
  buildSync({
    entryPoints: [join(root, cli)],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Optional to the libraries that ask for them.
    external: ['unbzip2-stream', 'xmlbuilder2', 'libxmljs2'],
    // What is still CommonJS asks for Node's own modules by require.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
  return [process.execPath, join(outdir, 'main.mjs')];
}

/** Whether a command of the CLI exists and can print its help. */
export function hasCommand(verb: string): boolean {
  if (!existsSync(join(root, cli))) return false;
  const [program = '', ...args] = nodeProgram(cli, verb, '--help');
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Why a program does not do what the case wants of it, undefined when it does: one run before any is measured. */
export function findProblem(argv: readonly string[], expectedOutput?: string): string | undefined {
  const [program = '', ...args] = argv;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1024 ** 3 });
  if (status !== 0) return `exit ${status}: ${`${stderr}${stdout}`.trim().split('\n').at(-1)?.slice(0, 300) ?? ''}`;
  if (expectedOutput !== undefined && !stdout.includes(expectedOutput)) return `its output lacks ${expectedOutput}`;
  return undefined;
}
