import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder for the tests of one file, gone at their end. */
export function makeTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
