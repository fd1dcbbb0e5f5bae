import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listInstallation, places, unitDirectory } from '../../pipeline/installation/index.ts';
import { findTool } from '../support/tools.ts';

const analyze = findTool('systemd-analyze');
if (analyze === undefined) console.log('skipped: systemd-analyze is not installed (Debian: systemd)');

/** Everything on, so that every unit is there. */
const { files } = listInstallation({ strict: true, enforce: true, stores: ['oci:ghcr.io/acme/nodes@%$"\\'] });
const units = files.map(({ path }) => path).filter((path) => dirname(path) === unitDirectory);

const root = mkdtempSync(join(tmpdir(), 'nodeproof-units-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Units that ours are over, as bare as can be. */
const others = files
  .map(({ path }) => basename(dirname(path)).replace(/\.d$/, ''))
  .filter((name) => /\.(?:service|target)$/.test(name) && !units.includes(`${unitDirectory}/${name}`));

function put(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

beforeAll(() => {
  for (const { path, content, mode } of files) put(path, content, mode);
  for (const name of new Set(others)) {
    if (!files.some(({ path }) => path === `${unitDirectory}/${name}`))
      put(`/usr/lib/systemd/system/${name}`, '[Service]\nType=oneshot\nExecStart=/usr/bin/true\n');
  }
  for (const program of [places.program, '/usr/bin/true', '/usr/bin/systemctl']) put(program, '', 0o755);
  for (const target of ['sysinit', 'shutdown', 'multi-user', 'timers', 'paths', 'basic', 'network-online', 'local-fs'])
    put(`/usr/lib/systemd/system/${target}.target`, `[Unit]\nDescription=${target}\nDefaultDependencies=no\n`);
  for (const slice of ['-', 'system'])
    put(`/usr/lib/systemd/system/${slice}.slice`, `[Unit]\nDescription=${slice}\nDefaultDependencies=no\n`);
});

function verify(name: string) {
  const { status, stdout, stderr } = spawnSync(
    analyze ?? '',
    ['verify', `--root=${root}`, '--man=no', '--generators=no', '--recursive-errors=one', name],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  );
  return { status, told: `${stdout}${stderr}` };
}

describe.skipIf(analyze === undefined)('systemd', () => {
  test('has all units to judge', () => {
    expect(units.length).toBeGreaterThanOrEqual(8);
  });

  test.each(units.map((path) => basename(path)))('finds nothing wrong in %s', (name) => {
    expect(verify(name)).toEqual({ status: 0, told: '' });
  });

  test.each([...new Set(others)])('finds nothing wrong in what is over %s', (name) => {
    expect(verify(name)).toEqual({ status: 0, told: '' });
  });

  test('finds what is wrong in a copy of one', () => {
    const content = files.find(({ path }) => path.endsWith('/nodeproof-guard.service'))?.content ?? '';
    put(`${unitDirectory}/broken.service`, content.replace('Type=oneshot', 'Type=once').replace('UMask=', 'UMsk='));
    const { told } = verify('broken.service');
    expect(told).toMatch(/Failed to parse service type/);
    expect(told).toMatch(/Unknown key.*UMsk/);
  });
});
