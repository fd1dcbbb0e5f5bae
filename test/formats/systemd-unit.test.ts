import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { parseUnitFile, splitCommand, splitWords } from '../../pipeline/formats/systemd-unit/index.ts';

const pairs = (text: string) => parseUnitFile(text).map(({ section, name, value }) => [section, name, value].join('|'));

/** What only one of systemd and us took for a setting would be a place to hide a drop-in from us. */
describe('A unit file', () => {
  test.each([
    ['a backslash goes on in the next line', '[A]\nB=c \\\n d\n', ['A|B|c  d']],
    ['two backslashes do not', '[A]\nB=c\\\\\nD=e\n', ['A|B|c\\\\', 'A|D|e']],
    ['a backslash before a blank does not', '[A]\nB=c\\ \nD=e\n', ['A|B|c\\', 'A|D|e']],
    ['a comment in between is left out', '[A]\nB=c \\\n# no\n;no\nd\n', ['A|B|c  d']],
    ['an empty line ends it', '[A]\nB=c \\\n\nD=e\n', ['A|B|c', 'A|D|e']],
    ['a carriage return ends a line, also of a comment', '[A]\n# x\rB=c\rD=e', ['A|B|c', 'A|D|e']],
    ['a NUL ends a line', '[A]\n# x\0B=c\0', ['A|B|c']],
    ['a line feed with a carriage return ends one line', '[A]\r\nB=c \\\r\nd\r\n', ['A|B|c  d']],
    ['a mark of byte order is no character', '\uFEFF[A]\nB=c\n', ['A|B|c']],
    ['a broken section ends the file', '[A]\nB=c\n[D\nE=f\n[A]\nG=h\n', ['A|B|c']],
    ['a section may hold brackets', '[A]b]\nB=c\n', ['A]b|B|c']],
    ['other white space is part of the name', '[A]\nB\u00A0=c\n', ['A|B\u00A0|c']],
    ['a name is needed', '[A]\n=c\nB\n', []],
    ['the last line may go on into nothing', '[A]\nB=c\\', ['A|B|c']],
  ])('%s', (_, text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test('of any text gives settings or a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        for (const { name, value } of parseUnitFile(text)) expect(`${name}${value}`).not.toMatch(/[\n\r\0]/);
        expect(splitCommand(text).every((word) => typeof word === 'string')).toBe(true);
      }),
    );
  });

  test('with more settings than anyone writes is refused', () => {
    expect(() => parseUnitFile('A=b\n'.repeat(10_001))).toThrow(Fault);
  });
});

describe('The words of a command', () => {
  test.each([
    ['a  "b c" d\'e f\'', ['a', 'b c', 'de f']],
    ['""', ['']],
    ['a\\ b c', ['a b', 'c']],
    ['"a \\" b"', ['a " b']],
    ['', []],
  ])('%s', (text, words) => {
    expect(splitCommand(text)).toEqual(words);
  });

  test('are none where a quote is not closed', () => {
    expect([splitWords('/usr/bin/a "b'), splitCommand("a 'b")]).toEqual([undefined, []]);
  });

  test('are told in a time that grows with the line alone', () => {
    const started = performance.now();
    splitWords(`"${'\\"'.repeat(500_000)}`);
    splitWords(`"${'a"'.repeat(500_000)}`);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
