import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../core/index.ts';
import type { GatedArchitecture } from './environment-gate/gate.ts';

export const bunVersion = '1.4.5';

/** What npm has, by the integrity of its archive. For x86-64 the build for any such processor of the last ten years and more. */
const packages: Readonly<Record<GatedArchitecture, { readonly name: string; readonly sha512: string }>> = {
  x64: {
    name: '@oven/bun-linux-x64-baseline',
    sha512: 's8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
  },
  arm64: {
    name: '@oven/bun-linux-aarch64',
    sha512: '4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==',
  },
};

/**
 * The path of the runtime for an architecture, fetched once through npm and kept in `cache`.
 * Faults: network.npm, standalone.integrity.
 */
export function fetchRuntime(architecture: GatedArchitecture, cache: string): string {
  const { name, sha512 } = packages[architecture];
  const folder = join(cache, `bun-${bunVersion}-${architecture}-${sha512.slice(0, 8).replaceAll(/[^\w]/g, '_')}`);
  const path = join(folder, 'bun');
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'fetch-'));
  try {
    const archive = pack(`${name}@${bunVersion}`, scratch);
    const actual = createHash('sha512').update(readFileSync(archive)).digest('base64');
    if (actual !== sha512)
      throw new Fault(
        'standalone.integrity',
        `Cannot use ${name}@${bunVersion}: sha512-${actual}, want sha512-${sha512}`,
      );
    execFileSync('tar', ['-xzf', archive, '-C', scratch, 'package/bin/bun']);
    chmodSync(join(scratch, 'package/bin/bun'), 0o755);
    mkdirSync(folder, { recursive: true });
    renameSync(join(scratch, 'package/bin/bun'), path);
    return path;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function pack(specification: string, folder: string): string {
  try {
    execFileSync('npm', ['pack', specification, '--silent', '--pack-destination', folder], { stdio: 'pipe' });
  } catch (cause) {
    throw new Fault('network.npm', `Cannot fetch ${specification}: npm pack failed`, {
      cause,
      next: 'Check that npm reaches its registry: npm ping',
    });
  }
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) throw new Fault('network.npm', `Cannot fetch ${specification}: npm wrote no archive`);
  return join(folder, archive);
}
