import { describe, expect, test } from 'vitest';
import {
  type ExtensionHost,
  judgeExtensionRelease,
  listExtensionReleases,
  parseExtensionRelease,
  readExtensionRelease,
} from '../../../pipeline/formats/extension-release/index.ts';
import { parseOsRelease } from '../../../pipeline/formats/os-release/index.ts';
import { memoryTree } from './memory-tree.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const host = (os: string, rest: Partial<ExtensionHost> = {}): ExtensionHost => ({
  os: parseOsRelease(bytes(os)),
  architecture: 'x86-64',
  scope: 'system',
  ...rest,
});
const flatcar = host('ID=flatcar\nID_LIKE="coreos gentoo"\nVERSION_ID=4593.2.5\nSYSEXT_LEVEL=1.0\n');
const codes = (release: string, on = flatcar) =>
  judgeExtensionRelease('kubernetes', parseExtensionRelease(bytes(release)), on).map((finding) => finding.code);

describe('an extension', () => {
  test.for<[string, string, ExtensionHost]>([
    ['of the same ID and VERSION_ID', 'ID=flatcar\nVERSION_ID=4593.2.5', flatcar],
    ['of the same ID and SYSEXT_LEVEL, whatever its VERSION_ID', 'ID=flatcar\nSYSEXT_LEVEL=1.0\nVERSION_ID=1', flatcar],
    ['for any system, whatever its version', 'ID=_any\nVERSION_ID=1\nSYSEXT_LEVEL=9', flatcar],
    ['for a system that the host is like', 'ID=gentoo\nVERSION_ID=4593.2.5', flatcar],
    ['for the same architecture', 'ID=_any\nARCHITECTURE=x86-64', flatcar],
    ['for any architecture', 'ID=_any\nARCHITECTURE=_any', flatcar],
    ['for a rolling host without a version', 'ID=arch\nVERSION_ID=7', host('ID=arch')],
    ['without a level for a host with nothing but a level', 'ID=arch', host('ID=arch\nSYSEXT_LEVEL=2')],
    ['for the scope of the host', 'ID=_any\nSYSEXT_SCOPE="initrd system"', flatcar],
  ])('%s fits', ([, release, on]) => {
    expect(codes(release, on)).toEqual([]);
  });

  test.for<[string, string, ExtensionHost, string[]]>([
    ['without an ID', 'VERSION_ID=4593.2.5', flatcar, ['extension-release.id']],
    ['for another system', 'ID=debian\nVERSION_ID=4593.2.5', flatcar, ['extension-release.id']],
    ['whose ID only starts as the host does', 'ID=flatcar2', flatcar, ['extension-release.id']],
    ['of another VERSION_ID', 'ID=flatcar\nVERSION_ID=4593.2.4', flatcar, ['extension-release.version-id']],
    ['without a VERSION_ID', 'ID=flatcar', flatcar, ['extension-release.version-id']],
    ['of another level', 'ID=flatcar\nSYSEXT_LEVEL=2.0\nVERSION_ID=4593.2.5', flatcar, ['extension-release.level']],
    [
      'with a level where the host has none and another version',
      'ID=x\nSYSEXT_LEVEL=1',
      host('ID=x\nVERSION_ID=1'),
      ['extension-release.version-id'],
    ],
    ['for another architecture', 'ID=_any\nARCHITECTURE=arm64', flatcar, ['extension-release.architecture']],
    ['for portable services only', 'ID=_any\nSYSEXT_SCOPE=portable', flatcar, ['extension-release.scope']],
    ['for no scope', 'ID=_any\nSYSEXT_SCOPE=', flatcar, ['extension-release.scope']],
    [
      'without a scope, in the initrd',
      'ID=_any',
      { ...flatcar, scope: 'initrd' as const },
      ['extension-release.scope'],
    ],
    [
      'that differs in everything tells everything',
      'ID=a\nARCHITECTURE=arm64\nSYSEXT_SCOPE=portable',
      flatcar,
      ['extension-release.scope', 'extension-release.architecture', 'extension-release.id'],
    ],
  ])('%s is told', ([, release, on, expected]) => {
    expect(codes(release, on)).toEqual(expected);
  });

  test('for configuration is matched by its own level and scope', () => {
    const release = parseExtensionRelease(bytes('ID=flatcar\nSYSEXT_LEVEL=1.0\nCONFEXT_LEVEL=3\nCONFEXT_SCOPE=system'));
    const on = host('ID=flatcar\nSYSEXT_LEVEL=1.0\nCONFEXT_LEVEL=4');
    expect(judgeExtensionRelease('settings', release, on, 'confext').map((finding) => finding.message)).toEqual([
      'Cannot merge the extension settings: CONFEXT_LEVEL is 3, want 4',
    ]);
  });
});

const at = (name: string, directory = '/usr/lib/extension-release.d') => `${directory}/extension-release.${name}`;
const relaxed = { 'user.extension-release.strict': 'false' };
const text = 'ID=_any\n';

describe('the extension-release file', () => {
  test('is the one named after the image', () => {
    const tree = memoryTree({ [at('kubernetes')]: { text }, [at('other')]: { text } });
    expect(readExtensionRelease(tree, 'kubernetes')).toMatchObject({
      name: 'kubernetes',
      path: '/usr/lib/extension-release.d/extension-release.kubernetes',
      release: { id: '_any' },
      strict: true,
    });
  });

  test('may be reached by a symbolic link', () => {
    const tree = memoryTree({ [at('a')]: { link: 'real' }, '/usr/lib/extension-release.d/real': { text } });
    expect(readExtensionRelease(tree, 'a').path).toBe('/usr/lib/extension-release.d/real');
  });

  test('gives the name where the image has none yet', () => {
    expect(readExtensionRelease(memoryTree({ [at('a')]: { text } })).name).toBe('a');
  });

  test('may have another name only where its xattr says so', () => {
    const tree = memoryTree({ [at('a')]: { text, xattrs: relaxed }, [at('b')]: { text } });
    expect(readExtensionRelease(tree, 'renamed')).toMatchObject({ name: 'a', strict: false });
  });

  test('may lack the version that the image has in its name', () => {
    const tree = memoryTree({ [at('kubernetes')]: { text } });
    expect(readExtensionRelease(tree, 'kubernetes_v1.33.2').name).toBe('kubernetes');
  });

  test('of a confext is in /etc', () => {
    const tree = memoryTree({ [at('c', '/etc/extension-release.d')]: { text } });
    expect(readExtensionRelease(tree, 'c', 'confext').name).toBe('c');
    expect(listExtensionReleases(tree)).toEqual([]);
  });

  test.for<[string, Parameters<typeof memoryTree>[0], string | undefined, string]>([
    ['is missing', { '/usr/bin/x': { text } }, 'a', 'extension-release.missing'],
    ['is missing where no name is asked for', {}, undefined, 'extension-release.missing'],
    ['has another name', { [at('b')]: { text } }, 'a', 'extension-release.name'],
    [
      'has another name and wants it strictly',
      { [at('b')]: { text, xattrs: { 'user.extension-release.strict': '1' } } },
      'a',
      'extension-release.name',
    ],
    [
      'has an xattr that is no boolean',
      { [at('b')]: { text, xattrs: { 'user.extension-release.strict': 'maybe' } } },
      'a',
      'extension-release.name',
    ],
    [
      'is one of two that give up strict names',
      { [at('b')]: { text, xattrs: relaxed }, [at('c')]: { text, xattrs: relaxed } },
      'a',
      'extension-release.ambiguous',
    ],
    [
      'is one of two and no name is asked for',
      { [at('b')]: { text }, [at('c')]: { text } },
      undefined,
      'extension-release.ambiguous',
    ],
    ['would be named by a path', { [at('b')]: { text } }, '../b', 'extension-release.image-name'],
    ['would be named by a control character', { [at('b')]: { text } }, 'b\n', 'extension-release.image-name'],
  ])('that %s is refused', ([, leaves, name, code]) => {
    expect(() => readExtensionRelease(memoryTree(leaves), name)).toThrow(expect.objectContaining({ code }));
  });
});
