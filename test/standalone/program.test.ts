import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { buildStandalone } from '../../pipeline/standalone/build.ts';
import { image } from '../evidence/made-node.ts';
import { runIn } from '../cli/world.ts';
import { findTool } from '../support/tools.ts';
import { program, run, withProgram } from './program.ts';

const cache = join(import.meta.dirname, '../../node_modules/.cache/nodeproof');

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-program-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('The standalone program', () => {
  withProgram('tells its version and the commit that it was made of', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(run(['--version']).stdout).toMatch(
      new RegExp(`^${version.replaceAll('.', '\\.')} \\(commit [0-9a-f]{40}(?:, changed)?\\)\n$`),
    );
  });

  withProgram('is the same bytes when it is built again', async () => {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    const again = await buildStandalone({ architecture, cache });
    expect(Digest.of('sha256', again).hex).toBe(Digest.of('sha256', readFileSync(program)).hex);
  });

  withProgram('has at most 44 MiB compressed', { timeout: 600_000 }, () => {
    const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 23 };
    const { byteLength } = zstdCompressSync(readFileSync(program), { params });
    console.log(`compressed: ${(byteLength / 1024 / 1024).toFixed(2)} MiB`);
    expect(byteLength).toBeLessThanOrEqual(44 * 1024 * 1024);
  });

  withProgram('needs no home, no environment and no input', () => {
    const { status, stdout, stderr } = spawnSync(program, ['--help'], {
      cwd: '/',
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('evidence from a node, and the verdict on it');
  });

  withProgram('reads images as the sources do', async () => {
    const path = join(folder, 'kubernetes.raw');
    writeFileSync(path, image('kubernetes.raw'));
    const ours = run(['inspect', path, '--json']);
    expect([ours.status, ours.stdout]).toEqual([0, (await runIn(folder, 'inspect', path, '--json')).stdout]);
  });

  withProgram('hashes large files with threads of its own', async () => {
    const path = join(folder, 'large.raw');
    writeFileSync(path, Buffer.concat([image('kubernetes.raw'), Buffer.alloc(64 * 1024 * 1024, 7)]));
    const ours = run(['inspect', path, '--json']);
    expect(ours.stdout).toContain(createHash('sha256').update(readFileSync(path)).digest('hex'));
  });

  withProgram('wants no instruction that processors of the last ten years may lack', (context) => {
    const qemu = findTool('qemu-x86_64-static') ?? findTool('qemu-x86_64');
    if (process.arch !== 'x64' || qemu === undefined) {
      context.skip('no qemu-user for x86-64');
      return;
    }
    // SSE4.2 and POPCNT, and nothing newer: no AVX, no AVX2, no BMI.
    const { status, stdout, stderr } = spawnSync(qemu, ['-cpu', 'Nehalem', program, '--version'], {
      env: {},
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('commit');
  });

  withProgram('is made for arm64 too, and gates its environment there', { timeout: 600_000 }, async (context) => {
    const qemu = findTool('qemu-aarch64-static');
    if (process.arch !== 'x64' || qemu === undefined || !existsSync('/usr/aarch64-linux-gnu/lib/libc.so.6')) {
      context.skip('no qemu-user for arm64, or no C library for it');
      return;
    }
    const path = join(folder, 'nodeproof-linux-arm64');
    writeFileSync(path, await buildStandalone({ architecture: 'arm64', cache }));
    chmodSync(path, 0o755);
    const runThere = (args: readonly string[], env: readonly string[]) =>
      spawnSync(qemu, ['-L', '/usr/aarch64-linux-gnu', ...env.flatMap((one) => ['-E', one]), path, ...args], {
        env: {},
        encoding: 'utf8',
      });
    expect(runThere(['--version'], []).stdout).toBe(run(['--version']).stdout);
    writeFileSync(join(folder, 'preload.js'), 'console.log("ADMIT"); process.exit(0);');
    for (const variable of [`BUN_OPTIONS=--preload=${folder}/preload.js`, 'BUN_BE_BUN=1', 'BUN_JSC_nonsense=1'])
      expect(runThere(['node', 'verify', '--policy', 'none.yaml'], [variable])).toMatchObject({
        status: 4,
        stdout: '',
      });
  });
});
