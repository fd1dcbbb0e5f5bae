import { describe, expect, test } from 'vitest';
import { memorySource, openScratch, releaseBytes, type Source } from '../../pipeline/core/index.ts';

describe('Released bytes', () => {
  test('are gone where they are large and have memory of their own', () => {
    const bytes = Buffer.allocUnsafeSlow(128 * 1024);
    const part = bytes.subarray(10, 20);
    releaseBytes(bytes);
    expect([bytes.byteLength, part.byteLength]).toEqual([0, 0]);
  });

  test('stay where they may share the memory of others', () => {
    const pooled = Buffer.from('in the pool');
    releaseBytes(pooled);
    expect(pooled.toString()).toBe('in the pool');
  });
});

describe('A scratch', () => {
  test('reads into the same memory again', () => {
    const filled: Source = {
      ...memorySource(Buffer.alloc(0)),
      readInto: (offset, target) => void target.fill(offset),
    };
    const read = openScratch(filled, 8);
    const first = read(1, 4);
    expect([...first]).toEqual([1, 1, 1, 1]);
    const second = read(2, 4);
    expect([...second]).toEqual([2, 2, 2, 2]);
    expect(second.buffer).toBe(first.buffer);
  });

  test('gives what a source has in memory', () => {
    expect(Buffer.from(openScratch(memorySource(Buffer.from('0123')), 4)(1, 2)).toString()).toBe('12');
  });
});
