// Makes the CLI one file that needs nothing but glibc: see README.md beside this file.
//   npm run build:standalone [-- --arch x64|arm64]… [--sysext] [--out DIR] [--cache DIR]
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { Digest, Fault } from '../core/index.ts';
import { renderError, renderSize } from '../report/index.ts';
import { type GatedArchitecture, gateEnvironment } from './environment-gate/gate.ts';
import { fetchRuntime } from './runtime.ts';
import { buildSysext } from './sysext.ts';

const checkout = join(import.meta.dirname, '../..');
const architectures = ['x64', 'arm64'] as const satisfies readonly GatedArchitecture[];

export type StandaloneOptions = {
  readonly architecture: GatedArchitecture;
  /** Where the runtime is kept for the next build. */
  readonly cache: string;
  /** Another module that is made a program in the same way, and what its bundle needs. */
  readonly entry?: string;
  readonly plugins?: readonly Plugin[];
};

/** The program for an architecture. Faults: network.npm, standalone.*. */
export async function buildStandalone({ architecture, cache, entry, plugins }: StandaloneOptions): Promise<Uint8Array> {
  const host = process.arch === 'arm64' ? 'arm64' : 'x64';
  const bun = fetchRuntime(host, cache);
  const runtime = fetchRuntime(architecture, cache);
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-standalone-'));
  try {
    await bundle(entry ?? 'pipeline/standalone/main.ts', plugins ?? [], join(scratch, 'nodeproof.mjs'));
    compile(bun, runtime, architecture, scratch);
    return gateEnvironment(readFileSync(join(scratch, 'nodeproof')), architecture);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** One module with everything in it: what is not in it would be looked for around the program when it runs. */
async function bundle(entry: string, plugins: readonly Plugin[], outfile: string): Promise<void> {
  const commit = describeCommit();
  await build({
    absWorkingDir: checkout,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    legalComments: 'none',
    // Optional to the library that asks for them: they are not there, and must not be found elsewhere either.
    alias: { xmlbuilder2: absentModule, libxmljs2: absentModule },
    define: commit === null ? {} : { nodeproofCommit: JSON.stringify(commit) },
    // What is still CommonJS asks for Node's own modules by require.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
    plugins: [...plugins],
    logLevel: 'error',
  });
}

const absentModule = join(import.meta.dirname, 'absent-module.ts');

/** Of a checkout with changes that are not committed it says so. Null outside of a repository. */
function describeCommit(): string | null {
  try {
    const git = (...args: readonly string[]) =>
      execFileSync('git', args, { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ', changed'}`;
  } catch {
    return null;
  }
}

/** Bun runs without any configuration of its own, in a folder that holds nothing else. */
function compile(bun: string, runtime: string, architecture: GatedArchitecture, folder: string): void {
  execFileSync(
    bun,
    [
      'build',
      'nodeproof.mjs',
      '--compile',
      '--minify',
      '--bytecode',
      '--format=esm',
      `--target=bun-linux-${architecture}`,
      `--compile-executable-path=${runtime}`,
      '--no-compile-autoload-dotenv',
      '--no-compile-autoload-bunfig',
      '--no-compile-autoload-tsconfig',
      '--no-compile-autoload-package-json',
      '--outfile=nodeproof',
    ],
    { cwd: folder, env: { HOME: folder, PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
}

/** Faults: usage.arch. */
function parseArchitecture(text: string): GatedArchitecture {
  const found = architectures.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Fault('usage.arch', `Cannot build for ${text}: want ${architectures.join(' or ')}`);
}

function put(folder: string, name: string, content: Uint8Array, mode: number): void {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, content);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
  process.stdout.write(`${path}  ${renderSize(content.byteLength)}  ${Digest.format(Digest.of('sha256', content))}\n`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true, default: [...architectures] },
      sysext: { type: 'boolean', default: false },
      out: { type: 'string', default: '.' },
      cache: { type: 'string', default: join(checkout, 'node_modules/.cache/nodeproof') },
    },
  });
  try {
    mkdirSync(values.out, { recursive: true });
    for (const architecture of values.arch.map(parseArchitecture)) {
      const program = await buildStandalone({ architecture, cache: resolve(values.cache) });
      put(values.out, `nodeproof-linux-${architecture}`, program, 0o755);
      if (values.sysext) put(values.out, `nodeproof-${architecture}.raw`, buildSysext(program, architecture), 0o644);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(renderError(error));
    process.exitCode = 4;
  }
}
