import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { parseEbuildPackage } from '../../../pipeline/formats/ebuild/index.ts';

function codeOf(text: string): string {
  try {
    parseEbuildPackage(text);
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('parseEbuildPackage', () => {
  it.each([
    ['sys-apps/systemd-257.9', 'sys-apps', 'systemd', '257.9', null],
    ['dev-libs/openssl-3.5.4-r1::portage-stable', 'dev-libs', 'openssl', '3.5.4-r1', 'portage-stable'],
    ['app-misc/a-1-b-2_rc3_p4', 'app-misc', 'a-1-b', '2_rc3_p4', null],
    ['virtual/libcrypt-2-r1', 'virtual', 'libcrypt', '2-r1', null],
    ['sys-libs/timezone-data-2026a', 'sys-libs', 'timezone-data', '2026a', null],
    [
      'coreos-base/update_engine-0.4.10-r29::coreos-overlay',
      'coreos-base',
      'update_engine',
      '0.4.10-r29',
      'coreos-overlay',
    ],
    ['dev-cpp/gtk+extra-2.1', 'dev-cpp', 'gtk+extra', '2.1', null],
  ])('reads %s', (text, category, name, version, repository) => {
    expect(parseEbuildPackage(text)).toEqual({ category, name, version, repository });
  });

  it.each([
    '',
    'systemd-257',
    'sys-apps/systemd',
    'sys-apps/-257',
    '/systemd-257',
    'sys-apps/systemd-257::',
    'sys-apps/systemd-257::a::b',
    'sys apps/systemd-257',
    'sys-apps/sys/temd-257',
    'sys-apps/systemd-257 ',
    `sys-apps/${'x'.repeat(300)}-1`,
  ])('refuses %j', (text) => {
    expect(codeOf(text)).toBe('ebuild.package');
  });

  it('answers any text in little time', () => {
    const parts = fc.constantFrom('a', '-', '1', '.', '_p', '-r', '/', '::', '_', 'rc');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 300 }), (all) => {
        expect(codeOf(all.join(''))).toMatch(/^(no fault|ebuild\.package)$/);
      }),
    );
  });
});
