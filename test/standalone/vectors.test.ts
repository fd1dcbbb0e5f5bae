import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { afterAll, describe, expect } from 'vitest';
import { buildStandalone } from '../../pipeline/standalone/build.ts';
import { withProgram } from './program.ts';
import type { SuiteOutcome } from './runner/suite.ts';

const checkout = join(import.meta.dirname, '../..');
const cache = join(checkout, 'node_modules/.cache/nodeproof');
const folder = mkdtempSync(join(tmpdir(), 'nodeproof-vectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Parsers, cryptography and judgements: all that the runtime's own code could decide otherwise. */
const subjects = ['core', 'evidence', 'formats', 'image', 'policy', 'provenance', 'release', 'trust', 'verify'];

const vectors = subjects
  .flatMap((subject) => globSync(`test/${subject}/**/*.test.ts`, { cwd: checkout }))
  .filter((path) => !/\b(?:vi|expectTypeOf)\./.test(readFileSync(join(checkout, path), 'utf8')))
  .toSorted();

/** Our suite in the place of vitest, and paths as they are in the checkout: fixtures are read from there. */
const vectorSources: Plugin = {
  name: 'vector-sources',
  setup: (build) => {
    build.onResolve({ filter: /^vitest$/ }, () => ({ path: join(import.meta.dirname, 'runner/suite.ts') }));
    build.onLoad({ filter: /\/(?:test|pipeline)\/.*\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.filename', JSON.stringify(path))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
    }));
  },
};

function writeRunner(): string {
  const path = join(folder, 'vectors.ts');
  const suite = JSON.stringify(join(import.meta.dirname, 'runner/suite.ts'));
  const files = vectors.map(
    (vector) => `openFile(${JSON.stringify(vector)});\nawait import(${JSON.stringify(join(checkout, vector))});`,
  );
  writeFileSync(
    path,
    `import { openFile, runSuite } from ${suite};
void run();
async function run(): Promise<void> {
${files.join('\n')}
process.stdout.write(JSON.stringify(await runSuite()));
}
`,
  );
  return path;
}

describe('The vectors of the sources, compiled as the standalone program is,', () => {
  withProgram('come out the same', { timeout: 900_000 }, async () => {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    const program = join(folder, 'vectors');
    writeFileSync(
      program,
      await buildStandalone({ architecture, cache, entry: writeRunner(), plugins: [vectorSources] }),
    );
    chmodSync(program, 0o755);
    const { stdout, stderr, status } = spawnSync(program, [], {
      cwd: checkout,
      env: {},
      encoding: 'utf8',
      maxBuffer: 1024 ** 3,
    });
    expect([status, stderr.slice(0, 5000)]).toEqual([0, '']);
    const outcome = JSON.parse(stdout) as SuiteOutcome;
    console.log(`${vectors.length} files, ${outcome.passed} vectors passed, ${outcome.skipped} skipped`);
    expect(outcome.failed).toEqual([]);
    expect(outcome.passed).toBeGreaterThan(1500);
  });

  withProgram('are all files of parsers and verification', () => {
    const folders = new Set(vectors.map((path) => relative('test', path).split('/')[0]));
    expect(folders).toEqual(new Set(subjects));
  });
});
