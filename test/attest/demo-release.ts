import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import {
  type ImageArtifact,
  readImageArtifacts,
  readSysextArtifact,
  type ReleaseInput,
  type SysextArtifact,
} from '../../pipeline/attest/index.ts';
import { limits, memorySource } from '../../pipeline/core/index.ts';
import { openHashingPool } from '../../pipeline/edge/hashing/index.ts';
import { buildKeySigner } from '../../pipeline/edge/sigstore/index.ts';
import { localBuildContext } from '../../pipeline/provenance/index.ts';
import { demo, readDemoImage } from '../support/demo-images.ts';

export type DemoArtifacts = {
  readonly image: ImageArtifact;
  readonly builtIn: readonly SysextArtifact[];
  readonly kubernetes: SysextArtifact;
  readonly falco: SysextArtifact;
};

/** The demo's node set, read once: its artifacts are values that a test may alter. */
export async function readDemoArtifacts(): Promise<DemoArtifacts> {
  await using hashing = openHashingPool(1);
  const image = memorySource(readDemoImage(demo.image), demo.image);
  const read = (name: string, as: string | null) =>
    readSysextArtifact(memorySource(readDemoImage(name), name), name, as, hashing, ['sha512']);
  return {
    ...(await readImageArtifacts(image, demo.image, hashing, { without: [], algorithms: [] })),
    kubernetes: await read(demo.kubernetes, 'kubernetes'),
    falco: await read(demo.falco, null),
  };
}

export function releaseOf(
  { image, builtIn, kubernetes, falco }: DemoArtifacts,
  change: Partial<ReleaseInput> = {},
): ReleaseInput {
  return {
    name: 'workers-4593.2.5',
    role: 'worker',
    validUntil: '2027-08-01T00:00:00Z',
    time: new Date('2026-11-01T12:00:00Z'),
    image,
    builtIn,
    sysexts: [kubernetes, falco],
    shipped: null,
    without: [],
    files: [],
    notes: [],
    context: localBuildContext,
    upstream: [],
    trustedRoots: [],
    storedStatementBytes: limits.storedStatementBytes,
    nodeproofVersion: '0.0.0-test',
    progress: () => undefined,
    ...change,
  };
}

export function makeKey(kind: 'ed25519' | 'p256' = 'ed25519'): string {
  const pair: KeyPairKeyObjectResult =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function keySigner(pem = makeKey()): ReturnType<typeof buildKeySigner> {
  return buildKeySigner(Buffer.from(pem));
}
