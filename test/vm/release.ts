import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';

/** What an operator has at hand before a node starts: the program, policies, trust packs and the extensions. */
export type Release = {
  readonly program: string;
  readonly policy: string;
  readonly trustPack: string;
  /** Falco as a disk image with dm-verity. */
  readonly falco: string;
  /** A policy of the same kind whose time is over. */
  readonly expiredPolicy: string;
  /** The same node set, signed by somebody else. */
  readonly strangersPack: string;
};

export const packName = 'workers-4593.2.5.trust-pack.json';

/** Made by the program itself, as the README tells it. */
export function makeRelease(program: string, machine: Machine, folder: string): Release {
  mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(folder, name);
  const run = (...args: readonly string[]): string =>
    execFileSync(program, args, { encoding: 'utf8', cwd: folder, env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  run('sysext', 'seal', machine.file('falco-plain.raw'), path('falco.raw'));
  const extensions = [`kubernetes=${machine.file('kubernetes.raw')}`, `falco=${path('falco.raw')}`];
  const attest = (name: string): string => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(path(`${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(path(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
    const members = ['--image', machine.file('disk.img'), ...extensions.flatMap((one) => ['--sysext', one])];
    const set = ['--name', 'workers-4593.2.5', '--role', 'worker', '--key', `${name}.pem`, '--out', name];
    run('attest', ...members, ...set);
    return path(`${name}/${packName}`);
  };
  const trustPack = attest('release');
  const strangersPack = attest('stranger');
  const [, pin] = /spkiSha256: ([0-9a-f]{64})/.exec(run('trust', 'show', 'release.pub')) ?? [];
  if (pin === undefined) throw new TypeError('Cannot happen: trust show tells no digest of a key');
  writeFileSync(path('policy.yaml'), renderPolicy(pin, { from: days(-1), until: days(90) }));
  writeFileSync(path('expired.yaml'), renderPolicy(pin, { from: days(-90), until: days(-1) }));
  return {
    program,
    trustPack,
    strangersPack,
    policy: path('policy.yaml'),
    expiredPolicy: path('expired.yaml'),
    falco: path('falco.raw'),
  };
}

function days(count: number): string {
  return new Date(Date.now() + count * 24 * 60 * 60 * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function renderPolicy(pin: string, { from, until }: { readonly from: string; readonly until: string }): string {
  return `apiVersion: nodeproof.dev/policy/v1
name: workers
version: 1
issuedAt: ${from}
expiresAt: ${until}
trust:
  keys: [{ name: release-2026, spkiSha256: ${pin}, validUntil: ${days(365)} }]
signers: [{ name: release, key: release-2026 }]
allow: { node-set: [release], provenance: [release], sbom: [release] }
node:
  os: { id: flatcar, versionFloor: 4593.2.0 }
  role: worker
  sysexts: { required: [kubernetes], requireVerity: false }
`;
}

/** The blocks of the README that are run on a node, in their order. */
export function readNodeBlocks(): readonly string[] {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  return [...readme.matchAll(/^```sh node\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');
}
