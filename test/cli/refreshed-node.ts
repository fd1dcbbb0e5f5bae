import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Digest, type Json } from '../../pipeline/core/index.ts';
import { revocationSubject } from '../../pipeline/policy/index.ts';
import { identityDigest, type NodeIdentity } from '../../pipeline/release/index.ts';
import { encodeTrustPack, parseTrustPack, type TrustPack, type TrustPackContent } from '../../pipeline/trust/index.ts';
import { stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import {
  encodePolicy,
  honestEvidence,
  identityOf,
  imageSha256,
  keys,
  nodeSetStatement,
  now,
  revocationStatement,
  signStatement,
  type TestKey,
  type TestStatement,
} from '../policy/red-team-release.ts';
import { type CommandOutcome, runCommandLine } from '../support/command-line.ts';
import { writeMadeStore } from '../support/made-store.ts';

/** The identity of the node. */
export const identity: NodeIdentity = identityOf(await honestEvidence());
const [shared] = identity.sysexts;
if (shared === undefined) throw new TypeError('the node has a sysext');

/** The release after the one that the node runs: another system, and one extension of the same bytes. */
export const next: NodeIdentity = {
  ...identity,
  os: { ...identity.os, versionId: '4700.1.0', usrHash: '7'.repeat(64) },
  sysexts: [shared],
};

/** Digests that a refresh asks for, or is led on to. */
export const asked = {
  identity: identityDigest(identity),
  shared: Digest.fromHex('sha256', shared.sha256),
  next: identityDigest(next),
  image: Digest.fromHex('sha256', imageSha256),
  revocations: revocationSubject,
} as const;

export const sign = (key: TestKey, statement: TestStatement): Json => signStatement(key, statement) as Json;
export const encode = (bundle: Json): Buffer => Buffer.from(JSON.stringify(bundle));

/** Revokes something, listed under a digest. */
export const revoke = (revoked: object, subject: Digest): TestStatement => ({
  ...revocationStatement({ ...revoked, why: 'a hole' }),
  subject: [{ digest: { sha256: subject.hex } }],
});

export const nextStatement = nodeSetStatement(next, { name: 'workers-next' });
export const bundles = {
  own: sign(keys.release, nodeSetStatement(identity)),
  next: sign(keys.release, nextStatement),
  olderRevocation: sign(keys.security, revoke({ versionId: '4000.0.0' }, revocationSubject)),
  ownRevocation: sign(keys.security, revoke({ versionId: identity.os.versionId }, revocationSubject)),
} as const;

const content: TrustPackContent = {
  name: 'workers',
  version: 5,
  issuedAt: '2026-11-01T12:00:00Z',
  expiresAt: '2027-03-01T00:00:00Z',
  trustedRoots: [],
  publicKeys: Object.values(keys).map(({ pem }) => pem),
  bundles: [bundles.own],
  revocations: [bundles.olderRevocation],
};

export type Refreshed = {
  readonly exit: number;
  readonly trustPack: { readonly version: number; readonly bundles: number; readonly revocations: number };
  readonly isChanged: boolean;
  readonly identity: string | null;
  readonly missingAnchors: readonly string[];
  readonly added: Readonly<Record<'nodeSets' | 'revocations' | 'provenance' | 'sboms', number>>;
  readonly leftOut: Readonly<Record<'needed' | 'others', number>>;
  readonly unneeded: number;
  readonly passedOver: readonly { readonly code: string; readonly count: number; readonly message: string }[];
  readonly unreadRevocations: readonly { readonly code: string }[];
  readonly silences: readonly { readonly store: string; readonly code: string }[];
  readonly refused: readonly { readonly code: string }[];
};

export const nothing = { nodeSets: 0, revocations: 0, provenance: 0, sboms: 0 } as const;

/** A node in a folder, with a policy and the trust pack of its release, written long ago. */
export class RefreshedNode {
  readonly folder: string;
  readonly packPath: string;

  constructor(folder: string) {
    this.folder = folder;
    this.packPath = join(folder, 'trust-pack.json');
    writeMadeNode(join(folder, 'root'), stableNode);
    this.reset();
  }

  reset(): void {
    for (const name of ['store', 'other', 'state.json', 'trust-pack.json'])
      rmSync(join(this.folder, name), { recursive: true, force: true });
    this.writePolicy();
    this.writePack();
  }

  writePolicy(...changes: Parameters<typeof encodePolicy>): void {
    writeFileSync(join(this.folder, 'policy.yaml'), encodePolicy(...changes));
  }

  writePack(changes: Partial<TrustPackContent> = {}): void {
    writeFileSync(this.packPath, encodeTrustPack({ ...content, ...changes }), { mode: 0o600 });
    this.age();
  }

  /** What is written from now on shows. */
  age(): void {
    utimesSync(this.packPath, 1_000_000_000, 1_000_000_000);
  }

  isUntouched(): boolean {
    return existsSync(this.packPath) && statSync(this.packPath).mtimeMs === 1_000_000_000_000;
  }

  readPack(): TrustPack {
    return parseTrustPack(readFileSync(this.packPath));
  }

  /** A store that lists these bundles under each of these digests, or under all that a refresh asks for. */
  offer(offered: readonly Json[], digests: readonly Digest[] = Object.values(asked), name = 'store'): void {
    writeMadeStore(join(this.folder, name), digests, offered.map(encode));
  }

  run(...args: readonly string[]): Promise<CommandOutcome> {
    return runCommandLine(args, { directory: this.folder, now });
  }

  attempt(...more: readonly string[]): Promise<CommandOutcome> {
    const files = ['--policy', 'policy.yaml', '--trust-pack', 'trust-pack.json'];
    return this.run('trust', 'refresh', ...files, '--root', 'root', ...more);
  }

  /** A refresh from `directory:store`, or from the stores that are named. */
  async refresh(...stores: readonly string[]): Promise<Refreshed> {
    const from = stores.length === 0 ? ['directory:store'] : stores;
    const { exit, json } = await this.attempt('--from', ...from, '--json');
    return { ...(json as Refreshed), exit };
  }

  async verify(): Promise<{ readonly verdict: string; readonly codes: readonly string[] }> {
    const files = ['--policy', 'policy.yaml', '--trust-pack', 'trust-pack.json'];
    const { json } = await this.run('node', 'verify', ...files, '--root', 'root', '--json');
    const { verdict, findings } = json as { verdict: string; findings: readonly { code: string }[] };
    return { verdict, codes: findings.map(({ code }) => code) };
  }
}
