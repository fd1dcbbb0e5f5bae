import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildBundle, readBundle } from '../../pipeline/action/bundle.ts';
import { renderActionDocs } from '../../pipeline/action/docs.ts';
import { checkout } from '../house/sources.ts';

describe('The bundle of the Action', () => {
  test('is what the sources make (npm run build:action)', async () => {
    const made = await buildBundle();
    const committed = readBundle();
    expect([...committed.keys()].sort()).toEqual([...made.keys()].sort());
    const other = [...made].filter(
      ([name, bytes]) => Buffer.compare(bytes, committed.get(name) ?? Buffer.alloc(0)) !== 0,
    );
    expect(other.map(([name]) => name)).toEqual([]);
  });

  test('has at most 3 MiB, with the licences of all that is in it', () => {
    const committed = readBundle();
    const total = [...committed.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
    expect(total).toBeLessThanOrEqual(3 * 1024 * 1024);
    const licenses = Buffer.from(committed.get('licenses.txt') ?? '').toString('utf8');
    for (const name of ['commander', 'yaml', 'zod', '@sigstore/verify', 'openpgp'])
      expect(licenses).toContain(`${name} `);
    expect(licenses).not.toContain('no licence named');
  });

  test('holds nothing of the place where it was made', () => {
    for (const bytes of readBundle().values()) expect(Buffer.from(bytes).includes(checkout)).toBe(false);
  });
});

test.each([...renderActionDocs()])('%s is what the table of the Action says (npm run docs)', (name, made) => {
  expect(readFileSync(join(checkout, name), 'utf8')).toBe(made);
});
