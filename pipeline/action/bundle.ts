import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/** What the runner starts. GitHub runs an action from its repository as it is, so the bundle is committed. */
const checkout = join(import.meta.dirname, '../..');
const dist = join(import.meta.dirname, 'dist');
const licensesName = 'licenses.txt';

/** The files of the bundle by name: a function of the sources and the lock file alone. */
export async function buildBundle(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: { index: 'pipeline/action/main.ts' },
    outdir: 'pipeline/action/dist',
    write: false,
    metafile: true,
    bundle: true,
    // What a mode does not need is not read.
    splitting: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    legalComments: 'none',
    // Optional to the library that asks for them.
    external: ['xmlbuilder2', 'libxmljs2'],
    // What is still CommonJS asks for Node's own modules by require.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  const files = outputFiles.map(({ path, contents }) => [path.slice(dist.length + 1), contents] as const);
  return new Map([...files, [licensesName, Buffer.from(renderLicenses(Object.keys(metafile.inputs)))]]);
}

/** The bundle as it is committed. */
export function readBundle(): ReadonlyMap<string, Uint8Array> {
  return new Map(readdirSync(dist).map((name) => [name, readFileSync(join(dist, name))]));
}

/** The licences of all packages that something in the bundle comes from: most want to go along with their code. */
function renderLicenses(inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const parts = [...packages].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(checkout, folder, 'package.json'), 'utf8')) as {
      readonly name: string;
      readonly version: string;
      readonly license?: string;
    };
    const texts = readdirSync(join(checkout, folder))
      .filter((file) => /^(?:license|licence|copying|notice)/i.test(file))
      .sort()
      .map((file) => readFileSync(join(checkout, folder, file), 'utf8').trim());
    return `${name} ${version} (${license ?? 'no licence named'})\n\n${texts.join('\n\n')}\n`;
  });
  return [...new Set(parts)].sort().join(`\n${'-'.repeat(78)}\n\n`);
}

/** `npm run build:action` writes the bundle anew. */
if (import.meta.main) {
  const files = await buildBundle();
  rmSync(dist, { recursive: true, force: true });
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), bytes);
  }
}
