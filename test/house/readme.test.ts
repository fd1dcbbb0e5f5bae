import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderReadme } from '../../pipeline/cli/docs.ts';
import { makeCertificate } from '../support/certificate.ts';
import { checkout, pipeline } from './sources.ts';

const readme = readFileSync(join(checkout, 'README.md'), 'utf8');

/** Blocks that start with ```sh run, in their order: one reader, one shell, one directory. */
const blocks = [...readme.matchAll(/^```sh run\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodeproof-readme-'));
  for (const name of ['flatcar_production_image.bin', 'kubernetes-v1.34.2-x86-64.raw']) {
    const packed = readFileSync(join(checkout, 'samples/demo/images', `${name}.zst`));
    writeFileSync(join(directory, name), zstdDecompressSync(packed));
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('The README', () => {
  test('lists the commands, exit codes and finding codes that there are (npm run docs)', () => {
    expect(renderReadme(readme)).toBe(readme);
  });

  test('links to files that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#][^)]*)\)/g)].map(([, target]) => target ?? '');
    expect(links.filter((link) => !link.includes('://') && !existsSync(join(checkout, link)))).toEqual([]);
  });

  test('names npm scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)].map(([, script]) => script ?? '');
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });

  test('shows commands that do what it says: a release made, verified, published, found again, and a tampered file refused', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(4);
    const { status, stdout, stderr } = runShell(blocks.map(withKeysOfOurOwn).join('\n'));
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('Attested node set workers-4593.2.5');
    expect(stdout).toContain('policy.yaml: ');
    expect(stdout).not.toContain('cannot be used');
    expect(stdout.match(/^ADMIT {3}/gm)).toHaveLength(5);
    expect(stdout).toContain('attestation.none');
    expect(stdout).toMatch(/refused, exit 1\n/);
  });
});

function runShell(script: string) {
  const prelude = `set -euo pipefail\nnodeproof() { "$NODE" "$MAIN" "$@"; }\n`;
  return spawnSync('bash', ['--norc', '-c', prelude + script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: directory,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NODE: process.execPath, MAIN: join(pipeline, 'cli/main.ts') },
    timeout: 60_000,
  });
}

/** The default tests need no program of others: where openssl is missing, its lines have been done already. */
function withKeysOfOurOwn(block: string): string {
  if (!block.includes('openssl') || spawnSync('openssl', ['version']).status === 0) return withoutChatter(block);
  const write = (name: string, content: string | Buffer): void => writeFileSync(join(directory, name), content);
  const release = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  write('release.pem', release.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  write('release.pub', release.publicKey.export({ type: 'spki', format: 'pem' }));
  const verity = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('verity.key', verity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  write('verity.crt', makeCertificate(verity));
  return block.replaceAll(/^openssl .*$/gm, '');
}

/** openssl tells its progress with dots on stderr. */
function withoutChatter(block: string): string {
  return block.replaceAll(/^(openssl .*)$/gm, '$1 2>/dev/null');
}
