import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decompressBzip2 } from '../../pipeline/formats/bzip2/index.ts';
import { findTool } from '../support/tools.ts';

const tools = ['bzip2', 'lbzip2', 'pbzip2'].filter((name) => findTool(name) !== undefined);
if (tools.length === 0) console.log('skipped: comparison with bzip2: neither bzip2 nor lbzip2 nor pbzip2 is installed');

const MiB = 1024 * 1024;
const words = Array.from({ length: 300 }, (_, at) => `word${at * at}`);
const contents: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  noise: randomBytes(2 * MiB),
  zeros: Buffer.alloc(5 * MiB),
  text: Buffer.from(
    Array.from({ length: 400_000 }, (_, at) => words[(at * 7919 + (at >> 3)) % words.length]).join(' '),
  ),
  'two bytes in turn': Buffer.alloc(3 * MiB, 'ab'),
  'runs of 4 and of 259': Buffer.from(`${'a'.repeat(4)}${'b'.repeat(259)}c`.repeat(5000)),
};

describe.skipIf(tools.length === 0)('what was compressed by a real tool comes back', () => {
  const cases = tools.flatMap((tool) =>
    [1, 9].flatMap((level) => Object.keys(contents).map((content) => [tool, level, content] as const)),
  );
  it.each(cases)('%s -%i: %s', (tool, level, name) => {
    const content = contents[name] as Buffer;
    const packed = execFileSync(tool, [`-${level}`, '-c'], { input: content, maxBuffer: 64 * MiB });
    expect(Buffer.from(decompressBzip2(packed, content.byteLength)).equals(content)).toBe(true);
  });
});
