import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { parseFlatcarLicenses } from '../../../pipeline/formats/flatcar-licenses/index.ts';

const entry = {
  project: 'sys-apps/systemd-257.9::portage-stable',
  licenses: ['GPL-2', 'LGPL-2.1'],
  description: 'System and service manager',
  homepage: 'https://systemd.io/',
  source: 'https://example.org/systemd.tar.gz',
  files: '/usr/bin/systemctl 0123',
};

function codeOf(value: unknown): string {
  try {
    parseFlatcarLicenses(Buffer.from(JSON.stringify(value)));
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('parseFlatcarLicenses', () => {
  it('reads packages with their licences', () => {
    expect(parseFlatcarLicenses(Buffer.from(JSON.stringify([entry])))).toEqual([
      {
        package: { category: 'sys-apps', name: 'systemd', version: '257.9', repository: 'portage-stable' },
        licenses: ['GPL-2', 'LGPL-2.1'],
        description: 'System and service manager',
        homepage: 'https://systemd.io/',
      },
    ]);
  });

  it('takes texts of several words as lists, as ebuilds write them', () => {
    const [read] = parseFlatcarLicenses(
      Buffer.from(
        JSON.stringify([{ ...entry, licenses: 'MIT BSD', homepage: 'https://a/ https://b/', description: '' }]),
      ),
    );
    expect(read).toMatchObject({ licenses: ['MIT', 'BSD'], homepage: 'https://a/', description: null });
  });

  it('reads a package that says nothing about itself', () => {
    expect(parseFlatcarLicenses(Buffer.from('[{"project": "a/b-1"}]'))).toMatchObject([
      { licenses: [], homepage: null },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['an object', {}, 'flatcar-licenses.list'],
    ['an entry that is none', [1], 'flatcar-licenses.list'],
    ['an entry without a project', [{ ...entry, project: undefined }], 'flatcar-licenses.list'],
    ['a project that is no package', [{ ...entry, project: 'systemd' }], 'ebuild.package'],
    [
      'more packages than any image has',
      Array.from({ length: limits.flatcarPackages + 1 }, () => entry),
      'limit.flatcar-packages',
    ],
  ])('refuses %s', (_, value, code) => {
    expect(codeOf(value)).toBe(code);
  });

  it('answers any JSON with packages or a fault', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (licenses, homepage) => {
        expect(codeOf([{ ...entry, licenses, homepage }])).toMatch(/^(no fault|json\.)/);
      }),
    );
  });
});
