import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { buildSysext } from '../../pipeline/standalone/sysext.ts';
import { findTool } from '../support/tools.ts';
import { program, run, withProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
const isMissing = findTool('mksquashfs') === undefined;
if (isMissing) console.warn('skipped: squashfs-tools are not installed');
const withSquashfs = isMissing ? withProgram.skip : withProgram;

describe('The standalone program as a release of its own', () => {
  withSquashfs(
    'is a sysext for any system, the same bytes each time, and attested by itself',
    { timeout: 600_000 },
    () => {
      const sysext = buildSysext(readFileSync(program), architecture);
      expect(Digest.of('sha256', buildSysext(readFileSync(program), architecture)).hex).toBe(
        Digest.of('sha256', sysext).hex,
      );
      writeFileSync(join(folder, 'nodeproof.raw'), sysext);
      writeFileSync(join(folder, 'nodeproof-linux'), readFileSync(program));
      const inspected = JSON.parse(run(['inspect', 'nodeproof.raw', '--json'], { cwd: folder }).stdout) as unknown;
      expect(inspected).toMatchObject({
        files: [{ kind: 'sysext', name: 'nodeproof', extensionRelease: { ID: '_any' }, problems: [] }],
      });
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      writeFileSync(join(folder, 'release.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      const members = ['--sysext', 'nodeproof=nodeproof.raw', '--subject', 'nodeproof-linux'];
      const attested = run(['attest', ...members, '--name', 'nodeproof', '--key', 'release.pem', '--out', 'release'], {
        cwd: folder,
      });
      expect([attested.status, attested.stderr]).toEqual([0, expect.any(String)]);
      const names = readdirSync(join(folder, 'release'));
      expect(names).toEqual(
        expect.arrayContaining(['nodeproof.raw.sbom.sigstore.json', 'nodeproof.raw.provenance.sigstore.json']),
      );
      expect(names.some((name) => name.endsWith('files.provenance.sigstore.json'))).toBe(true);
      const sbom = readFileSync(join(folder, 'release/nodeproof.raw.cdx.json'), 'utf8');
      expect(sbom).toContain('/usr/bin/nodeproof');
    },
  );
});
