import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { placeStandaloneProgram, type StandaloneProgram } from '../support/standalone-program.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly standalone: StandaloneProgram;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'nodeproof-standalone-test-'));
  provide('standalone', await placeStandaloneProgram(folder));
  return () => rmSync(folder, { recursive: true, force: true });
}
