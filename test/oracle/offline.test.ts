import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { encodePolicy, imageSha256, keys, provenanceStatement, signStatement } from '../policy/red-team-release.ts';
import { writeMadeStore } from '../support/made-store.ts';

const folder = makeTemporaryFolder();
const main = resolve(import.meta.dirname, '../../pipeline/cli/main.ts');
const canUnshare = spawnSync('unshare', ['--map-root-user', '--net', 'true']).status === 0;

/** In a network namespace of its own, where there is not even a loopback device that is up. */
function runWithoutNetwork(...args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  const { status, stdout } = spawnSync('unshare', ['--map-root-user', '--net', process.execPath, main, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout };
}

describe.skipIf(!canUnshare)('Without a network', () => {
  const bundle = signStatement(keys.builds, provenanceStatement([{ digest: { sha256: imageSha256 } }]));
  const contents = [Buffer.from(JSON.stringify(bundle))];
  writeMadeStore(join(folder, 'cache'), [Digest.fromHex('sha256', imageSha256)], contents);
  writeFileSync(join(folder, 'policy.yaml'), encodePolicy());
  writeFileSync(join(folder, 'builds.pub'), keys.builds.pem);
  const verify = ['verify', `sha256:${imageSha256}`, '--policy', 'policy.yaml', '--public-key', 'builds.pub'];

  test('a cache alone is enough for a verdict', () => {
    expect(runWithoutNetwork(...verify, '--offline', '--cache', 'cache').status).toBe(0);
  });

  test('a store on the network is told to be silent, and costs nothing that the cache has', () => {
    const from = ['--from', 'directory:http://127.0.0.1:9/nodes'];
    const silent = runWithoutNetwork(...verify, ...from, '--json');
    expect(silent.status).toBe(4);
    expect(silent.stdout).toContain('store.unanswered');
    expect(runWithoutNetwork(...verify, ...from, '--cache', 'cache').status).toBe(0);
  });
});
