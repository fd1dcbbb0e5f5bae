import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { parseChecksumList } from '../../../pipeline/formats/checksum-list/index.ts';

const sha256 = 'a'.repeat(64);
const sha512 = 'b'.repeat(128);

describe('a list of checksums', () => {
  it('is read as sha256sum writes it, in text and in binary mode', () => {
    const lines = parseChecksumList(`${sha256}  kubernetes.raw\n${sha256} *docker.raw\n`);
    expect(lines.map((line) => [line.fileName, line.digest.hex])).toEqual([
      ['kubernetes.raw', sha256],
      ['docker.raw', sha256],
    ]);
  });

  it('takes the algorithm from the sections of a Flatcar DIGESTS file and passes over MD5', () => {
    const text = `# MD5 HASH\n${'c'.repeat(32)}  image.bin.bz2\n# SHA1 HASH\n${'d'.repeat(40)}  image.bin.bz2\n# SHA512 HASH\n${sha512}  image.bin.bz2\n`;
    expect(parseChecksumList(text).map((line) => line.digest.algorithm)).toEqual(['sha1', 'sha512']);
  });

  it.each([
    ['a path', `${sha256}  ../../etc/passwd`],
    ['a digest of another length', `${'a'.repeat(63)}  x`],
    ['upper-case digits', `${'A'.repeat(64)}  x`],
    ['no name', sha256],
  ])('with %s is refused and the line is named', (_, text) => {
    expect(() => parseChecksumList(`${sha256}  first\n${text}\n`)).toThrow(/line 2|digest/);
  });

  it('of any text gives lines or a Fault', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseChecksumList(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
  });
});
