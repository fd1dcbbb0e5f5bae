import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTrustedRootCandidate, parsePublicKey } from '../../pipeline/trust/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { runCommandLine } from '../support/command-line.ts';
import { openWorkshop, type Workshop } from '../support/demo-images.ts';

const fixture = (path: string) => readFileSync(new URL(`../fixtures/bundles/${path}`, import.meta.url));
const bundleOf = (name: string) => fixture(`${name}/bundle.sigstore.json`);
/** A bundle as one line. */
const lineOf = (name: string) => JSON.stringify(JSON.parse(bundleOf(name).toString('utf8')));

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop();
  workshop.write('key.sigstore.json', bundleOf('key-p256').toString('utf8'));
  workshop.write('keyless.sigstore.json', bundleOf('keyless-rekor-v2-timestamp').toString('utf8'));
  workshop.write('set.intoto.jsonl', `${lineOf('key-p256')}\n\n${lineOf('key-rsa')}\n`);
  workshop.write('p256.pem', fixture('keys/p256.pem').toString('utf8'));
  workshop.write('root.json', fixture('roots/rekor-v2.json').toString('utf8'));
  workshop.write('policy.yaml', 'name: x\n');
  workshop.write('other.json', '{"mediaType":"application/json"}');
  workshop.write('private.pem', makeKey());
});
afterAll(() => workshop[Symbol.dispose]());

const now = new Date('2026-11-15T00:00:00.500Z');
const trust = (...args: string[]) => runCommandLine(['trust', ...args], { directory: workshop.directory, now });
const material = ['--public-key', 'p256.pem', '--trusted-root', 'root.json'];
type Facts = { files: { kind: string; facts: { fact: string; value: string }[] }[] };

describe('trust pack', () => {
  it('carries bundles, each once, keys and roots, and trust show says what is in it', async () => {
    const bundles = ['key.sigstore.json', 'keyless.sigstore.json', 'set.intoto.jsonl'];
    const args = [...bundles, ...material, '--name', 'workers', '--expires-at', '2027-01-01T00:00:00Z'];
    expect((await trust('pack', ...args, '--out', 'pack.json')).exit).toBe(0);
    const { json } = await trust('show', 'pack.json', '--json');
    const [shown] = (json as Facts).files;
    const valuesOf = (fact: string) => shown?.facts.filter((one) => one.fact === fact).map(({ value }) => value);
    expect(valuesOf('name')).toEqual(['workers']);
    expect(valuesOf('version')).toEqual([String(Math.floor(now.getTime() / 1000))]);
    expect(valuesOf('issued')).toEqual(['2026-11-15T00:00:00Z']);
    expect(valuesOf('expires')).toEqual(['2027-01-01T00:00:00Z']);
    expect(valuesOf('bundle')).toHaveLength(3);
    expect(valuesOf('key')).toHaveLength(1);
    expect(valuesOf('trusted root')).toHaveLength(1);
  });

  it('takes all of another pack, under a version of its own', async () => {
    expect(
      (
        await trust(
          'pack',
          'pack.json',
          'key.sigstore.json',
          '--name',
          'again',
          '--version',
          '7',
          '--out',
          'again.json',
        )
      ).exit,
    ).toBe(0);
    const { json } = await trust('show', 'again.json', '--json');
    const facts = (json as Facts).files[0]?.facts.map(({ fact }) => fact) ?? [];
    expect(facts.filter((fact) => fact === 'bundle')).toHaveLength(3);
    expect(facts.filter((fact) => fact === 'key')).toHaveLength(1);
    expect(facts.filter((fact) => fact === 'trusted root')).toHaveLength(1);
    expect((json as Facts).files[0]?.facts).toContainEqual({ fact: 'version', value: '7' });
  });

  it('is the same bytes for the same input and time', async () => {
    for (const out of ['one.json', 'two.json']) await trust('pack', 'set.intoto.jsonl', '--name', 'x', '--out', out);
    expect(readFileSync(workshop.path('two.json'))).toEqual(readFileSync(workshop.path('one.json')));
  });

  it.each([
    ['over a file that is there', ['set.intoto.jsonl', '--name', 'x', '--out', 'policy.yaml'], 2],
    ['in a directory that is not there', ['set.intoto.jsonl', '--name', 'x', '--out', 'nowhere/x.json'], 4],
    ['of junk', ['policy.yaml', '--name', 'x', '--out', 'x.json'], 3],
    ['of nothing that is there', ['nowhere.json', '--name', 'x', '--out', 'x.json'], 4],
    ['under a name with a slash', ['set.intoto.jsonl', '--name', 'a/b', '--out', 'x.json'], 2],
    ['of version 0', ['set.intoto.jsonl', '--name', 'x', '--version', '0', '--out', 'x.json'], 2],
    [
      'that has ended',
      ['set.intoto.jsonl', '--name', 'x', '--expires-at', '2026-01-01T00:00:00Z', '--out', 'x.json'],
      2,
    ],
    [
      'with a key that is none',
      ['set.intoto.jsonl', '--name', 'x', '--public-key', 'policy.yaml', '--out', 'x.json'],
      2,
    ],
    ['with a private key', ['set.intoto.jsonl', '--name', 'x', '--public-key', 'private.pem', '--out', 'x.json'], 2],
  ])('makes none %s', async (_, args, exit) => {
    const before = readdirSync(workshop.directory);
    const outcome = await trust('pack', ...args);
    expect([outcome.exit, outcome.stdout]).toEqual([exit, '']);
    expect(readdirSync(workshop.directory)).toEqual(before);
  });
});

describe('trust show', () => {
  it('prints the values by which a policy pins a key and a root', async () => {
    const { stdout } = await trust('show', 'p256.pem', 'root.json');
    const { spkiSha256 } = parsePublicKey(readFileSync(workshop.path('p256.pem'), 'utf8'));
    const { sha256 } = parseTrustedRootCandidate(readFileSync(workshop.path('root.json')));
    expect(stdout).toContain(`spkiSha256: ${spkiSha256}`);
    expect(stdout).toContain(`sha256: ${sha256}`);
  });

  it('says what a bundle claims, and that it is a claim', async () => {
    const { stdout } = await trust('show', 'keyless.sigstore.json');
    expect(stdout).toContain('its claims, not verified');
    expect(stdout).toMatch(/signed by +a certificate/);
  });

  it.each([
    ['policy.yaml', 3],
    ['other.json', 2],
    ['private.pem', 2],
    ['nowhere', 4],
  ])('of %s exits %i and prints nothing of it', async (name, exit) => {
    const outcome = await trust('show', name);
    expect([outcome.exit, outcome.stdout]).toEqual([exit, '']);
    expect(outcome.stderr).not.toContain('BEGIN PRIVATE');
  });
});
