import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { parseEnvFile, parseOsRelease } from '../../../pipeline/formats/os-release/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const fields = (text: string) => Object.fromEntries(parseEnvFile(bytes(text), 'test').fields);

const flatcar = `NAME="Flatcar Container Linux by Kinvolk"
ID=flatcar
ID_LIKE=coreos
VERSION=4593.2.5
VERSION_ID=4593.2.5
BUILD_ID=2026-08-11-2350
SYSEXT_LEVEL=1.0
PRETTY_NAME="Flatcar Container Linux by Kinvolk 4593.2.5 (Oklo)"
ANSI_COLOR="38;5;75"
FLATCAR_BOARD="amd64-usr"
CPE_NAME="cpe:2.3:o:flatcar-linux:flatcar_linux:4593.2.5:*:*:*:*:*:*:*"
`;

describe('os-release', () => {
  test('of Flatcar gives its identity', () => {
    expect(parseOsRelease(bytes(flatcar))).toMatchObject({
      id: 'flatcar',
      idLike: ['coreos'],
      versionId: '4593.2.5',
      buildId: '2026-08-11-2350',
      sysextLevel: '1.0',
      imageId: null,
      prettyName: 'Flatcar Container Linux by Kinvolk 4593.2.5 (Oklo)',
      duplicates: [],
    });
  });

  test('without an ID is linux, and an empty value counts as absent', () => {
    expect(parseOsRelease(bytes('ID=\nVERSION_ID=""\n'))).toMatchObject({ id: 'linux', versionId: null, idLike: [] });
  });

  test('takes the last assignment and tells which keys are assigned twice', () => {
    const release = parseOsRelease(bytes('ID=a\nVERSION_ID=1\nID=b\n'));
    expect(release).toMatchObject({ id: 'b', duplicates: ['ID'] });
  });

  test.for<[string, string, Record<string, string>]>([
    ['comments and blank lines', '\n# A=1\n  ; B=2\n\nC=3', { C: '3' }],
    ['white space around key and value', '  A \t=  x y \t\nB=z', { A: 'x y', B: 'z' }],
    ['single quotes', `A=' x \\ "y" '`, { A: ' x \\ "y" ' }],
    ['double quotes and the four escapes', String.raw`A="\" \\ \$ \` \n"`, { A: '" \\ $ ` \\n' }],
    ['a line break inside quotes', 'A="x\ny"\nB=1', { A: 'x\ny', B: '1' }],
    ['a continued line', 'A=x\\\ny\nB="p\\\nq"', { A: 'xy', B: 'pq' }],
    ['quotes one behind the other', `A="x"'y'"z"`, { A: 'xyz' }],
    ['quotes inside an unquoted value, which are kept', `A=x"y"`, { A: 'x"y"' }],
    ['an escape that protects trailing white space', 'A=x\\ \nB=1', { A: 'x ', B: '1' }],
    ['a carriage return as a line break', 'A=1\rB=2\r\nC=3', { A: '1', B: '2', C: '3' }],
    ['an open quote at the end', 'A="x y', { A: 'x y' }],
    ['lines without an equals sign', 'A\nB=1\nC', { B: '1' }],
    ['a comment that ends in a backslash and does not swallow the next line', '# x \\\nA=1', { A: '1' }],
    ['an equals sign in the value', 'A=b=c', { A: 'b=c' }],
    ['a byte order mark, as part of the key', '\ufeffA=1', { '\ufeffA': '1' }],
  ])('reads %s as systemd does', ([, text, expected]) => {
    expect(fields(text)).toEqual(expected);
  });

  test.for<[string, Uint8Array, string]>([
    ['a NUL byte', bytes('A=1\nB=\0'), 'os-release.nul'],
    ['bytes that are not UTF-8', new Uint8Array([0x41, 0x3d, 0xff]), 'bytes.utf8'],
    ['a Unicode noncharacter', bytes('A=\ufdd0'), 'os-release.character'],
    ['more than 64 KiB', new Uint8Array(65537).fill(0x20), 'limit.release-file-bytes'],
  ])('with %s is refused', ([, content, code]) => {
    expect(() => parseOsRelease(content)).toThrow(expect.objectContaining({ code }));
  });

  test('of any bytes gives a value or a Fault', () => {
    const lively = fc.array(fc.constantFrom(...Array.from('Aa=\'"\\\n\r \t#;$`é')), { maxLength: 60 });
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      lively.map((characters) => bytes(characters.join(''))),
    );
    fc.assert(
      fc.property(input, (content) => {
        try {
          for (const [key] of parseOsRelease(content).fields) expect(key).not.toBe('');
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
  });
});
