// Tells how long each stage of attest takes: node attest-stages.ts IMAGE SYSEXT…
// The way of attest itself, through the library, with a clock at its ports. Reading holds what runs inside it side by side;
// those times are from the first start to the last end, so that they do not add up.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  attestRelease,
  type ImageArtifact,
  readImageArtifacts,
  readSysextArtifact,
  type Signer,
  type SysextArtifact,
} from '../../../pipeline/attest/index.ts';
import { limits } from '../../../pipeline/core/index.ts';
import { openFileSource, writeDirectoryAtomically } from '../../../pipeline/edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { inventoryHelper } from '../../../pipeline/edge/inventory/index.ts';
import { buildKeySigner } from '../../../pipeline/edge/sigstore/index.ts';
import type { Hashing } from '../../../pipeline/inspection/index.ts';
import { localBuildContext } from '../../../pipeline/provenance/index.ts';

const [image = '', ...sysexts] = process.argv.slice(2);
const stages = new Map<string, { readonly from: number; readonly to: number }>();

await using pool = openHashingPool();
const hashing = watched(pool);
const signer = watchedSigner();
const read = await timed('reading', () => readSet());
const release = await timed('release', () =>
  attestRelease(
    {
      ...read,
      name: 'bench',
      role: null,
      validUntil: null,
      time: new Date(),
      shipped: null,
      without: [],
      files: [],
      notes: [],
      context: localBuildContext,
      upstream: [],
      trustedRoots: [],
      storedStatementBytes: limits.storedStatementBytes,
      nodeproofVersion: '0',
      progress: () => undefined,
    },
    signer,
  ),
);
const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-stages-'));
await timed('writing', () =>
  writeDirectoryAtomically(join(scratch, 'release'), async (directory) => {
    for (const [name, bytes] of release.files) writeFileSync(join(directory, name), bytes, { flag: 'wx' });
  }),
);
rmSync(scratch, { recursive: true });
report();

type ReadSet = {
  readonly image: ImageArtifact;
  readonly builtIn: readonly SysextArtifact[];
  readonly sysexts: readonly SysextArtifact[];
};

async function readSet(): Promise<ReadSet> {
  using source = openFileSource(image);
  const options = { without: [], files: [], notes: [], algorithms: [] };
  const [artifacts, extensions] = await Promise.all([
    timed('reading: image', () => readImageArtifacts(source, basename(image), hashing, options)),
    timed('reading: extensions', readSysexts),
  ]);
  return { ...artifacts, sysexts: extensions };
}

async function readSysexts(): Promise<readonly SysextArtifact[]> {
  const artifacts = [];
  for (const path of sysexts) {
    using file = openFileSource(path);
    artifacts.push(await readSysextArtifact(file, basename(path), null, hashing, []));
  }
  return artifacts;
}

function watched(threads: HashingPool): Hashing {
  return {
    digestSource: (source, algorithms) =>
      timed(`hashing: ${sysexts.includes(source.name) ? 'extensions' : basename(source.name)}`, () =>
        threads.digestSource(source, algorithms),
      ),
    hashLeaves: (...task) => timed('hashing: verity tree', async () => threads.hashLeaves(...task)),
    inventory: {
      help: (tree, mount, counter) => {
        const helped = inventoryHelper(1).help(tree, mount, counter);
        return helped === undefined ? undefined : timed('inventory: large trees', () => helped);
      },
    },
  };
}

function watchedSigner(): Signer {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = buildKeySigner(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  return { ...signer, signStatement: (...task) => timed('release: signing', () => signer.signStatement(...task)) };
}

/** From the first start of what has this name to its last end. */
async function timed<T>(name: string, step: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await step();
  } finally {
    const from = Math.min(stages.get(name)?.from ?? start, start);
    stages.set(name, { from, to: performance.now() });
  }
}

function report(): void {
  const seconds = (value: number) => `${(value / 1000).toFixed(3)} s`;
  const release = stages.get('release');
  const signing = stages.get('release: signing');
  if (release !== undefined && signing !== undefined)
    stages.set('release: SBOMs and statements', { from: release.from, to: signing.from });
  for (const [name, { from, to }] of [...stages].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${name.padEnd(32)} ${seconds(to - from).padStart(9)}  (${seconds(from)} to ${seconds(to)})`);
}
