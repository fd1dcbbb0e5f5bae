import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { placeStandaloneProgram } from '../support/standalone-program.ts';
import { whatIsMissing } from './machine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly vm:
      | { readonly machine: string; readonly program: string; readonly scratch: string }
      | { readonly missing: string };
  }
}

/** All that decides what the machine is. */
const recipe = [
  '../../samples/flatcar-layout.sh',
  'make-machine.sh',
  'minimal-init',
  ...globSync('root-units/*', { cwd: import.meta.dirname }).sort(),
];

/** Makes the machine, or takes the one that an earlier run made by the same recipe and left in VM_DIR or the user's cache. */
export default async function setup({ provide }: TestProject): Promise<() => void> {
  const missing = whatIsMissing();
  if (missing !== null) {
    provide('vm', { missing });
    return () => undefined;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-vm-'));
  const machine = join(process.env['VM_DIR'] ?? join(cacheFolder(), 'nodeproof'), `vm-${recipeDigest()}`);
  mkdirSync(machine, { recursive: true });
  execFileSync(join(import.meta.dirname, 'make-machine.sh'), [machine], { stdio: ['ignore', 'ignore', 'inherit'] });
  const placed = await placeStandaloneProgram(scratch);
  provide('vm', 'missing' in placed ? placed : { machine, scratch, program: placed.program });
  return () => rmSync(scratch, { recursive: true, force: true });
}

function cacheFolder(): string {
  return process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
}

function recipeDigest(): string {
  const hash = createHash('sha256');
  for (const name of recipe) hash.update(readFileSync(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 12);
}
