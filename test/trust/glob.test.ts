import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGlob, matchesGlob } from '../../pipeline/trust/index.ts';

describe('a glob', () => {
  test.each([
    ['refs/tags/v*', 'refs/tags/v1.2', true],
    ['refs/tags/v*', 'refs/tags/v', true],
    ['refs/tags/v*', 'refs/tags/v1/evil', false],
    ['refs/tags/v*', 'xrefs/tags/v1', false],
    ['refs/tags/*.5', 'refs/tags/4593.2.5', true],
    ['refs/tags/*.5', 'refs/tags/4593.2.5x', false],
    ['refs/**', 'refs/heads/a/b', true],
    ['refs/**/main', 'refs/heads/main', true],
    ['a**', 'a', true],
    ['*', '', true],
    ['*', '/', false],
    ['a.c', 'abc', false],
    ['a?c', 'abc', false],
    ['[ab]', 'a', false],
    ['(a|b)', 'a', false],
    ['a\\*', 'a*', false],
    ['a*b*c', 'a1b2b3c', true],
    ['**a*', 'x/y/ab', true],
    ['**a*', 'x/y/a/b', false],
    ['***', 'a', false],
    ['', '', false],
  ])('%s against %s: %s', (pattern, text, want) => {
    expect(matchesGlob(pattern, text)).toBe(want);
  });

  test('without stars matches itself only', () => {
    const text = fc.string({ minLength: 1, maxLength: 40 }).filter((value) => !value.includes('*'));
    fc.assert(fc.property(text, text, (pattern, other) => matchesGlob(pattern, other) === (pattern === other)));
  });

  test('agrees with an anchored regular expression', () => {
    const letters = (from: string) =>
      fc.array(fc.constantFrom(...from.split('')), { minLength: 1, maxLength: 8 }).map((list) => list.join(''));
    fc.assert(
      fc.property(letters('ab/*').filter(isGlob), letters('ab/'), (pattern, text) => {
        const source = pattern.replaceAll(/\*\*|\*/g, (star) => (star === '**' ? '.*' : '[^/]*'));
        return matchesGlob(pattern, text) === new RegExp(`^${source}$`, 's').test(text);
      }),
      { numRuns: 500 },
    );
  });

  test('stays quick on patterns that make matchers backtrack', () => {
    const started = performance.now();
    expect(matchesGlob('*a'.repeat(500), 'a'.repeat(1023))).toBe(true);
    expect(matchesGlob(`${'*a'.repeat(500)}b`, 'a'.repeat(1023))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('and a text that are too long match nothing', () => {
    expect(matchesGlob('**', 'a'.repeat(1025))).toBe(false);
    expect(isGlob('a'.repeat(1025))).toBe(false);
  });
});
