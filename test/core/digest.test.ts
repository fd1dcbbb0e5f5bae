import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Digest, Fault, memorySource, sliceSource, within } from '../../pipeline/core/index.ts';

describe('a digest', () => {
  it('is what the algorithm makes of the bytes, in one piece or in chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (chunks) => {
        const expected = createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
        expect(Digest.of('sha256', Buffer.concat(chunks)).hex).toBe(expected);
        expect(Digest.ofChunks('sha256', chunks).hex).toBe(expected);
      }),
    );
  });

  it('comes back from its own text', () => {
    const digest = Digest.of('sha512', 'text');
    expect(Digest.equals(Digest.parse(Digest.format(digest)), digest)).toBe(true);
  });

  it.each([
    '',
    'sha256',
    'sha256:',
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(63)}`,
    `md5:${'a'.repeat(32)}`,
    `__proto__:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(64)}\n`,
  ])('is not made of %j', (text) => {
    expect(() => Digest.parse(text)).toThrow(Fault);
  });

  it('of another algorithm with the same digits is another digest', () => {
    const left = { ...Digest.of('sha256', 'a') };
    expect(Digest.equals(left, { ...left, algorithm: 'sha384' })).toBe(false);
  });
});

describe('a source', () => {
  const source = memorySource(Buffer.from('0123456789'), 'disk');

  it.each([
    [-1, 1],
    [0, 11],
    [10, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [2, Number.MAX_SAFE_INTEGER],
  ])('refuses a range that is not inside it: %d + %d', (offset, length) => {
    expect(() => source.read(offset, length)).toThrow(expect.objectContaining({ code: 'source.range' }));
  });

  it('that is a part of another cannot be left', () => {
    const part = sliceSource(source, 2, 4, 'part');
    expect(Buffer.from(part.read(0, 4)).toString()).toBe('2345');
    expect(() => part.read(3, 2)).toThrow(Fault);
    expect(() => sliceSource(part, 3, 2, 'inner')).toThrow(Fault);
  });
});

describe('a fault', () => {
  it('is placed from the inside out and keeps its code and its advice', () => {
    const inner = () => {
      throw new Fault('gpt.header', 'Cannot read GPT: no header', { where: 'sector 1', next: 'Give a disk image' });
    };
    expect(() => within('a.raw', () => within('partition 3', inner))).toThrow(
      expect.objectContaining({ code: 'gpt.header', where: 'a.raw: partition 3: sector 1', next: 'Give a disk image' }),
    );
  });

  it('is not made of a bug', () => {
    expect(() =>
      within('a.raw', () => {
        throw new TypeError('bug');
      }),
    ).toThrow(TypeError);
  });
});
