import { describe, expect, test } from 'vitest';
import {
  memorySource,
  openScratch,
  readScoped,
  releaseBytes,
  sliceSource,
  type Source,
} from '../../pipeline/core/index.ts';

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

describe('A scoped range', () => {
  test('is given back at the end of its scope, and never takes the memory of its source along', () => {
    const memory = memorySource(Buffer.allocUnsafeSlow(128 * 1024));
    const file: Source = { ...memory, readInto: (_, target) => void target.fill(7) };
    const read = (source: Source): Uint8Array => {
      using range = readScoped(source, 0, 100 * 1024);
      expect(range.bytes.byteLength).toBe(100 * 1024);
      return range.bytes;
    };
    expect([read(file).byteLength, read(memory).byteLength]).toEqual([0, 100 * 1024]);
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

  test('reads a part of a source from where the part begins, and not beyond it', () => {
    const numbered: Source = {
      ...memorySource(Buffer.alloc(20)),
      readInto: (offset, target) => void target.fill(offset),
    };
    const read = openScratch(sliceSource(numbered, 10, 4, 'part'), 8);
    expect([...read(2, 2)]).toEqual([12, 12]);
    expect(() => read(2, 3)).toThrow(expect.objectContaining({ code: 'source.range' }));
  });

  test('gives what a source has in memory', () => {
    expect(Buffer.from(openScratch(memorySource(Buffer.from('0123')), 4)(1, 2)).toString()).toBe('12');
  });
});
