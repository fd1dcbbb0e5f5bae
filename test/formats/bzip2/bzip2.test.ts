import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { decompressBzip2 } from '../../../pipeline/formats/bzip2/index.ts';

const sample = (name: string) => readFileSync(new URL(`../../fixtures/bzip2/${name}.bz2`, import.meta.url));
const MiB = 1024 * 1024;

function codeOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('bzip2', () => {
  it('decompresses nothing to nothing', () => {
    expect(decompressBzip2(sample('empty'), 0)).toHaveLength(0);
  });

  it('decompresses a short text', () => {
    expect(Buffer.from(decompressBzip2(sample('short'), 100)).toString()).toBe('nodeproof\n');
  });

  it('decompresses content that uses every byte', () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 167 + Math.floor(i / 256) * 31) % 256);
    expect(Buffer.from(decompressBzip2(sample('bytes'), MiB)).equals(bytes)).toBe(true);
  });

  it('expands runs of every length, in several blocks', () => {
    const runs = Array.from({ length: 599 }, (_, i) => ((i + 1) % 2 === 0 ? 'a' : 'b').repeat(i + 1)).join('');
    const wanted = Buffer.concat([Buffer.from(runs), Buffer.alloc(250_000)]);
    expect(Buffer.from(decompressBzip2(sample('runs'), MiB)).equals(wanted)).toBe(true);
  });

  it('decompresses one stream after another', () => {
    expect(Buffer.from(decompressBzip2(sample('streams'), 100)).toString()).toBe('first\nsecond\n');
  });

  it('refuses more content than was allowed', () => {
    expect(codeOf(() => decompressBzip2(sample('runs'), 100_000))).toBe('limit.bzip2');
    expect(codeOf(() => decompressBzip2(sample('short'), 9))).toBe('limit.bzip2');
  });

  it('refuses what does not start as bzip2 does', () => {
    expect(codeOf(() => decompressBzip2(Buffer.from('BZh0123456789'), MiB))).toBe('bzip2.magic');
    expect(codeOf(() => decompressBzip2(Buffer.from('PK\x03\x04....'), MiB))).toBe('bzip2.magic');
    expect(codeOf(() => decompressBzip2(Buffer.concat([sample('short'), Buffer.from('tail')]), MiB))).toBe(
      'bzip2.magic',
    );
  });

  it('refuses a randomised block by name', () => {
    const bytes = Buffer.from(sample('short'));
    bytes[14] = (bytes[14] as number) | 0x80;
    expect(codeOf(() => decompressBzip2(bytes, MiB))).toBe('bzip2.randomised');
  });

  it('refuses every truncation', () => {
    const bytes = sample('short');
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decompressBzip2(bytes.subarray(0, length), MiB))).toBe('bzip2.short');
  });

  it('never lets a flipped bit change the content', () => {
    const bytes = sample('short');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      const outcome = codeOf(() => {
        // The level and the padding at the end say nothing about the content.
        expect(Buffer.from(decompressBzip2(flipped, MiB)).toString()).toBe('nodeproof\n');
      });
      expect(outcome === 'no fault' || outcome.startsWith('bzip2.') || outcome === 'limit.bzip2').toBe(true);
    }
  });

  it('answers any bytes with content or a fault', () => {
    const start = sample('bytes');
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(start.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 8 }),
        (edits) => {
          const bytes = Buffer.from(start);
          for (const { at, to } of edits) bytes[at] = to;
          expect(codeOf(() => decompressBzip2(bytes, MiB))).toMatch(/^(no fault|bzip2\.|limit\.)/);
        },
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = Buffer.concat([Buffer.from('BZh9\x31\x41\x59\x26\x53\x59', 'latin1'), tail]);
        expect(codeOf(() => decompressBzip2(bytes, MiB))).toMatch(/^(no fault|bzip2\.|limit\.)/);
      }),
    );
  });
});
