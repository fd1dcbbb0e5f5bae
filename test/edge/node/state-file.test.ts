import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { readStateFile, writeStateFile } from '../../../pipeline/edge/node/index.ts';
import { advanceState, emptyState } from '../../../pipeline/policy/index.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeproof-test-'));
  path = join(folder, 'state.json');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const accepted = advanceState(emptyState, {
  policy: { name: 'workers', version: 7 },
  pack: { name: 'pack', version: 3 },
  times: ['2026-11-01T12:00:00Z'],
});

describe('The state of a node', () => {
  test('is read back as it was written', () => {
    writeStateFile(path, accepted);
    expect(readStateFile(path)).toEqual(accepted);
  });

  test('is nobody else’s to read and leaves nothing beside it', () => {
    writeStateFile(path, emptyState);
    writeStateFile(path, accepted);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  test('replaces a link instead of writing through it', () => {
    writeFileSync(join(folder, 'other'), 'keep');
    symlinkSync('other', path);
    writeStateFile(path, accepted);
    expect(statSync(path).size).not.toBe(4);
    expect(readStateFile(path)).toEqual(accepted);
  });

  test('is absent only where there is no file', () => {
    expect(readStateFile(path)).toBeUndefined();
  });

  test.for([
    ['empty', ''],
    ['cut off', JSON.stringify(accepted).slice(0, -10)],
    ['of another type', JSON.stringify({ ...accepted, type: 'https://nodeproof.dev/state/v2' })],
    ['with a version that is none', JSON.stringify({ ...accepted, policyVersions: { workers: 0 } })],
    ['with a field too many', JSON.stringify({ ...accepted, extra: 1 })],
  ])('that is %s is never taken for absent', ([, text = '']) => {
    writeFileSync(path, text);
    expect(() => readStateFile(path)).toThrow(Fault);
  });

  test('that is a directory or may not be read is never taken for absent', () => {
    mkdirSync(path);
    expect(() => readStateFile(path)).toThrow(Fault);
  });

  test('cannot be written where there is no directory', () => {
    expect(() => writeStateFile(join(folder, 'none/state.json'), accepted)).toThrow('Cannot remember this admission');
  });

  test.skipIf(process.getuid?.() === 0)('cannot be written where nobody may', () => {
    chmodSync(folder, 0o500);
    expect(() => writeStateFile(path, accepted)).toThrow('Cannot remember this admission');
  });
});
