import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { Fault } from '../../pipeline/core/index.ts';
import { buildStandalone } from '../../pipeline/standalone/build.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The program, or why it could not be built. */
    readonly standalone: { readonly program: string } | { readonly missing: string };
  }
}

const cache = join(import.meta.dirname, '../../node_modules/.cache/nodeproof');

/** Builds the program, or takes the one that NODEPROOF_STANDALONE names. */
export default async function setup({ provide }: TestProject): Promise<() => void> {
  const given = process.env['NODEPROOF_STANDALONE'];
  if (given !== undefined && existsSync(given)) {
    provide('standalone', { program: given });
    return () => undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'nodeproof-standalone-test-'));
  try {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    const program = join(folder, `nodeproof-linux-${architecture}`);
    writeFileSync(program, await buildStandalone({ architecture, cache }));
    chmodSync(program, 0o755);
    provide('standalone', { program });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'network.npm') throw error;
    provide('standalone', { missing: error.message });
  }
  return () => rmSync(folder, { recursive: true, force: true });
}
