import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Case, loadCases, openImageShelf } from '../../pipeline/cli/cases/index.ts';
import { makeRoot, openSharedRoot } from '../../pipeline/cli/cases/made-root.ts';
import { faultOf } from '../verify/vectors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-made-root-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const cases = loadCases(join(import.meta.dirname, '../../samples/demo/cases'));
const nodes = cases.filter((one) => one.file.subject === undefined);
const honest = nodes.find((one) => one.name === 'honest-node');
if (honest === undefined) throw new TypeError('no honest node');

mkdirSync(join(scratch, 'images'));
const shelf = openImageShelf(join(scratch, 'images'));

/** Every path with what is there: a link's target, a small file's text, a large one's inode. */
function listTree(top: string, path = ''): readonly string[] {
  return readdirSync(top + path)
    .sort()
    .flatMap((name) => {
      const here = `${path}/${name}`;
      const stats = lstatSync(top + here);
      if (stats.isDirectory()) return [`${here}/`, ...listTree(top, here)];
      if (stats.isSymbolicLink()) return [`${here} -> ${readlinkSync(top + here)}`];
      return [`${here} ${stats.size < 10_000 ? readFileSync(top + here, 'base64') : `inode ${stats.ino}`}`];
    });
}

function newDirectory(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  return path;
}

function changed(file: Partial<Case['file']>): Case {
  if (honest === undefined) throw new TypeError('no honest node');
  return { ...honest, file: { ...honest.file, ...file } };
}

describe('The root of a case', () => {
  const shared = openSharedRoot(honest.base, newDirectory('shared'), shelf);
  const before = listTree(shared.top);

  test('is the same whether it is made anew or from the honest one', () => {
    for (const one of nodes.filter((_, at) => at % 7 === 0)) {
      const fresh = newDirectory(one.name);
      makeRoot(one, fresh, shelf);
      shared.change(one);
      const made = listTree(shared.top);
      shared.restore();
      expect([one.name, made]).toEqual([one.name, listTree(fresh)]);
    }
  });

  test('leaves nothing behind in the honest one, whatever case it was', () => {
    for (const one of nodes) {
      shared.change(one);
      shared.restore();
      expect([one.name, listTree(shared.top)]).toEqual([one.name, before]);
    }
  });

  test('leaves nothing behind where it cannot be made', () => {
    const half = changed({ files: { '/new/file': 'x' }, remove: ['/proc/cmdline', '/nowhere'] });
    expect(faultOf(() => shared.change(half)).code).toBe('config.case');
    shared.restore();
    expect(listTree(shared.top)).toEqual(before);
  });

  test.each<[string, Partial<Case['file']>, RegExp]>([
    ['a file that is not there to remove', { remove: ['/nowhere'] }, /no such file/],
    ['a file that is not there to change', { append: { '/nowhere': 'x' } }, /no such file/],
    ['a directory to change', { append: { '/proc': 'x' } }, /no such file/],
    [
      'a pattern that matches nothing',
      { replace: [{ file: '/proc/cmdline', pattern: 'NOWHERE', with: '' }] },
      /matches nothing/,
    ],
    ['a file below a file', { files: { '/proc/cmdline/x': 'x' } }, /no directory/],
    [
      'a file below a link, which could lead anywhere',
      { links: { '/out': '/' }, files: { '/out/x': 'x' } },
      /no directory/,
    ],
    ['an image that is not there', { images: { '/x': { file: '/nowhere.zst' } } }, /nowhere/],
    ['an image that is no zstd', { images: { '/x': { file: `${import.meta.filename}.zst` } } }, /Cannot/],
    [
      'a partition that the disk has not',
      { images: { '/x': { file: imageFile(), partition: 'USR-C' } } },
      /no such partition/,
    ],
    ['a file that the image has not', { images: { '/x': { file: imageFile(), inside: '/usr/none' } } }, /no such file/],
  ])('is refused with %s', (_, file, message) => {
    const fault = faultOf(() => shared.change(changed(file)));
    shared.restore();
    expect(fault.message).toMatch(message);
    expect(listTree(shared.top)).toEqual(before);
  });
});

function imageFile(): string {
  return join(import.meta.dirname, '../../samples/demo/images/flatcar_production_image.bin.zst');
}

describe('A case file', () => {
  const write = (text: string, base = 'policy: p.yaml\n') => {
    const directory = mkdtempSync(join(scratch, 'cases-'));
    mkdirSync(join(directory, 'one'));
    writeFileSync(join(directory, 'base.yaml'), base);
    writeFileSync(join(directory, 'one/case.yaml'), text);
    return directory;
  };
  const good = 'title: a\nthreat: b\nexpect: { verdict: refuse, exit: 1, findings: [a.b] }\n';

  test('needs a title, a threat and what is expected, no more', () => {
    const [one] = loadCases(write(good));
    expect(one).toMatchObject({ name: 'one', file: { title: 'a', expect: { verdict: 'refuse' } } });
  });

  test.each([
    ['nothing', ''],
    ['an unknown field', `${good}surprise: 1\n`],
    ['a field twice', `${good}title: again\n`],
    ['an alias', `${good.replace('a\n', '&a a\n')}at: *a\n`],
    ['a path that leaves the root', `${good}files: { /a/../../b: x }\n`],
    ['a path that is not absolute', `${good}files: { a: x }\n`],
    ['a pattern that is none', `${good}replace: [{ file: /a, pattern: '(', with: x }]\n`],
    ['a time that is none', `${good}at: tomorrow\n`],
    ['a verdict that is none', good.replace('refuse', 'maybe')],
    ['a finding that is no code', good.replace('a.b', 'A')],
  ])('is refused with %s', (_, text) => {
    expect(faultOf(() => loadCases(write(text))).code).toBe('config.case');
  });

  test('is looked for in folders, and must be found', () => {
    const directory = mkdtempSync(join(scratch, 'cases-'));
    writeFileSync(join(directory, 'base.yaml'), 'policy: p.yaml\n');
    expect(faultOf(() => loadCases(directory)).message).toMatch(/0 folders/);
  });
});
