import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { parseModuleList } from '../../../pipeline/formats/go-buildinfo/index.ts';

function codeOf(text: string): string {
  try {
    parseModuleList(text);
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('parseModuleList', () => {
  it('reads path, main module, dependencies and settings', () => {
    const list = parseModuleList(
      'path\ta/cmd/b\nmod\ta\tv1\th1:x=\ndep\tc\tv2\th1:y=\ndep\td\tv3\nbuild\t-tags=x,y\nbuild\tCGO_CFLAGS=\n',
    );
    expect(list).toMatchObject({
      path: 'a/cmd/b',
      main: { path: 'a', version: 'v1', sum: 'h1:x=', replacement: null },
      dependencies: [
        { path: 'c', version: 'v2', sum: 'h1:y=' },
        { path: 'd', version: 'v3', sum: null },
      ],
    });
    expect([...list.settings]).toEqual([
      ['-tags', 'x,y'],
      ['CGO_CFLAGS', ''],
    ]);
  });

  it('reads a replacement as one of the module above', () => {
    const list = parseModuleList('mod\ta\tv1\n=>\ta2\tv2\th1:z=\ndep\tb\tv1\n=>\t./b\t(devel)\t\ndep\tc\tv1\n');
    expect(list.main?.replacement).toMatchObject({ path: 'a2', version: 'v2', sum: 'h1:z=' });
    expect(list.dependencies.map(({ replacement }) => replacement?.path)).toEqual(['./b', undefined]);
  });

  it('skips words it does not know, empty lines, and what has no line break', () => {
    expect(parseModuleList('new\tthing\n\nnonsense\npath\ta\npath\tcut off')).toMatchObject({
      path: 'a',
      dependencies: [],
    });
  });

  it.each([
    ['build\t-ldflags="-X \\"a b\\" \\x41\\101\\u00e9\\U0001f600\\t"\n', '-ldflags', '-X "a b" AAé😀\t'],
    ['build\tk=`raw \\n "text"`\n', 'k', 'raw \\n "text"'],
    ['build\t"a=b"=c\n', 'a=b', 'c'],
    ['build\t`a b`=c=d\n', 'a b', 'c=d'],
  ])('unquotes as Go quotes: %j', (line, key, value) => {
    expect([...parseModuleList(line).settings]).toEqual([[key, value]]);
  });

  it.each([
    ['a module without a version', 'dep\ta\n'],
    ['a module with too many columns', 'dep\ta\tv1\th1:\tmore\n'],
    ['a replacement without a sum column', 'dep\ta\tv1\n=>\tb\tv1\n'],
    ['a replacement of nothing', '=>\ta\tv1\th1:\n'],
    ['a second replacement of one module', 'dep\ta\tv1\n=>\tb\tv1\t\n=>\tc\tv1\t\n'],
    ['a setting without =', 'build\tkey\n'],
    ['a setting without a key', 'build\t=value\n'],
    ['a key that wants quotes', 'build\ta b=c\n'],
    ['a value that wants quotes', 'build\ta=b c\n'],
    ['a quoted key without =', 'build\t"a"b=c\n'],
    ['a quote that is not closed', 'build\ta="b\n'],
    ['a value behind its quotes', 'build\ta="b"c\n'],
    ['an escape that Go does not have', 'build\ta="\\q"\n'],
    ['an escaped single quote', 'build\ta="\\\'"\n'],
    ['an escaped surrogate', 'build\ta="\\ud800"\n'],
  ])('refuses %s', (_, text) => {
    expect(codeOf(text)).toBe('go-buildinfo.line');
  });

  it('refuses more modules than any program has', () => {
    expect(codeOf('dep\ta\tv1\n'.repeat(limits.goModules))).toBe('no fault');
    expect(codeOf('dep\ta\tv1\n'.repeat(limits.goModules + 1))).toBe('limit.go-modules');
  });

  it('answers any text with a list or a fault', () => {
    const words = fc.constantFrom(
      'path',
      'mod',
      'dep',
      '=>',
      'build',
      '\t',
      '\n',
      '=',
      '"',
      '`',
      '\\',
      'x',
      '\\u12',
      'é',
      '\r',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 60 }), (parts) => {
        expect(codeOf(parts.join(''))).toMatch(/^(no fault|go-buildinfo\.line)$/);
      }),
      { numRuns: 3000 },
    );
  });
});
