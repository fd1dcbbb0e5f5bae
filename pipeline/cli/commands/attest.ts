import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import {
  attestRelease,
  readImageArtifacts,
  readSysextArtifact,
  type Release,
  type ReleaseInput,
  upstreamAlgorithms,
  type UpstreamList,
  verifyUpstream,
} from '../../attest/index.ts';
import { Digest, type DigestAlgorithm, exit, Fault, limits } from '../../core/index.ts';
import { digestDecompressed } from '../../edge/decompression/index.ts';
import { openFileSource, writeDirectoryAtomically } from '../../edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { inventoryThread } from '../../edge/inventory/index.ts';
import {
  type BuildContext,
  buildContextBytes,
  githubBuildContext,
  localBuildContext,
  parseBuildContext,
} from '../../provenance/index.ts';
import { renderFacts } from '../../report/index.ts';
import { checkTrustedRoot, parseTrustedRootCandidate, publicGoodRoot } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import {
  asConfiguration,
  inFile,
  inputLimits,
  parseEnd,
  parseName,
  readConfiguration,
  readInput,
  renderJson,
} from '../inputs.ts';
import { openProgress } from '../progress.ts';
import { openSigner } from '../signer.ts';
import type { attestCommand } from '../table.ts';
import { version } from '../version.ts';
import { documentTime, type World } from '../world.ts';

type AttestInvocation = Invocation<typeof attestCommand>;

export const runAttest: Run<typeof attestCommand> = async (invocation) => {
  const { options, world } = invocation;
  // Everything that can be refused cheaply is refused before eight gigabytes are read.
  const plan = await readPlan(invocation);
  const signer = await openSigner(options, world);
  const out = resolve(world.directory, options.out);
  let release: Release | undefined;
  await writeDirectoryAtomically(out, async (directory) => {
    await using pool = openHashingPool();
    const hashing = { ...pool, inventory: inventoryThread };
    using progress = openProgress(world, `reading ${options.image}`);
    const artifacts = await readArtifacts(invocation, plan, hashing, progress.tell);
    release = await attestRelease({ ...plan, ...artifacts, progress: progress.tell }, signer);
    for (const [name, bytes] of release.files) writeFileSync(join(directory, name), bytes, { flag: 'wx' });
  });
  if (release !== undefined) tell(invocation, release, plan.upstream, out);
  return exit.admit;
};

type Artifacts = Pick<ReleaseInput, 'image' | 'builtIn' | 'sysexts' | 'shipped'>;
type Plan = Omit<ReleaseInput, keyof Artifacts | 'progress'>;

/** All that is known before the images are read. */
async function readPlan({ options, world }: AttestInvocation): Promise<Plan> {
  const time = documentTime(world);
  const named = (path: string) => ({ name: path, bytes: readInput(world, path, inputLimits.upstream) });
  return {
    name: parseName(options.name, 'name'),
    role: options.role === undefined ? null : parseName(options.role, 'role'),
    validUntil: options['valid-until'] === undefined ? null : parseEnd(options['valid-until'], 'valid-until', time),
    time,
    without: options.without,
    context: readContext(options['build-context'], world),
    upstream: await verifyUpstream(options.upstream.map(named), options['upstream-key'].map(named), time),
    trustedRoots: readTrustedRoots(options, world),
    storedStatementBytes: limits.storedStatementBytes,
    nodeproofVersion: version,
  };
}

function readContext(path: string | undefined, world: World): BuildContext {
  if (path === undefined) return githubBuildContext(world.environment) ?? localBuildContext;
  return inFile(path, () => parseBuildContext(readConfiguration(world, path, buildContextBytes)));
}

/** Without services of the user's choice a keyless signature is Sigstore's public instance's, whose root ships with us. */
function readTrustedRoots(options: AttestInvocation['options'], world: World): ReleaseInput['trustedRoots'] {
  const given = options['trusted-root'].map((path) =>
    asConfiguration(path, () => {
      const candidate = parseTrustedRootCandidate(readConfiguration(world, path, limits.trustedRootBytes));
      checkTrustedRoot(candidate.json);
      return candidate;
    }),
  );
  const usesPublicGood = options.key === undefined && options['signing-config'] === undefined;
  return given.length === 0 && usesPublicGood ? [publicGoodRoot()] : given;
}

async function readArtifacts(
  { options, world }: AttestInvocation,
  { without, upstream }: Plan,
  hashing: HashingPool,
  progress: (what: string) => void,
): Promise<Artifacts> {
  const algorithms = upstreamAlgorithms(upstream);
  using source = openFileSource(resolve(world.directory, options.image));
  // The image's digest takes longest: the extensions are read meanwhile.
  const [{ image, builtIn }, sysexts] = await Promise.all([
    readImageArtifacts(source, basename(options.image), hashing, { without, algorithms }),
    readSysexts(options.sysext, algorithms, hashing, world, progress),
  ]);
  return {
    image,
    builtIn,
    sysexts,
    shipped: await readShipped(options.shipped, image.digests[0], hashing, world, progress),
  };
}

async function readSysexts(
  given: readonly string[],
  algorithms: readonly DigestAlgorithm[],
  hashing: HashingPool,
  world: World,
  progress: (what: string) => void,
): Promise<Artifacts['sysexts']> {
  const sysexts = [];
  for (const { name, path } of given.map(parseSysextOption)) {
    progress(`reading ${path}`);
    using file = openFileSource(resolve(world.directory, path));
    sysexts.push(await readSysextArtifact(file, basename(path), name, hashing, algorithms));
  }
  return sysexts;
}

/** The shipped file must be the very image that was read, compressed: its decompressed bytes are hashed, never assumed. */
async function readShipped(
  path: string | undefined,
  imageDigest: Digest,
  hashing: HashingPool,
  world: World,
  progress: (what: string) => void,
): Promise<ReleaseInput['shipped']> {
  if (path === undefined) return null;
  progress(`decompressing ${path}`);
  const absolute = resolve(world.directory, path);
  const inside = await digestDecompressed(absolute);
  if (!Digest.equals(inside.sha256, imageDigest)) {
    throw new Fault(
      'attest.shipped',
      `Cannot attest ${path}: decompressed by ${inside.by} it has sha256 ${inside.sha256.hex}, want ${imageDigest.hex} of the image`,
      {
        where: path,
        next: 'Give the image and its own compressed file',
      },
    );
  }
  const digests = await hashing.digestFile(absolute, ['sha256', 'sha512']);
  const [sha256] = digests;
  if (sha256 === undefined) throw new TypeError('Cannot happen: no digest was computed');
  using file = openFileSource(absolute);
  return { fileName: basename(path), sizeBytes: file.sizeBytes, sha256, digests };
}

/** `NAME=FILE`, or a file alone. A name has no slash, so that `./a=b.raw` is a file. */
function parseSysextOption(text: string): { readonly name: string | null; readonly path: string } {
  const match = /^([^/=]+)=(.+)$/.exec(text);
  return match === null ? { name: null, path: text } : { name: match[1] ?? null, path: match[2] ?? '' };
}

function tell(
  { options, world }: AttestInvocation,
  { nodeSet, identityDigest, statements, isVerified, files }: Release,
  upstream: readonly UpstreamList[],
  out: string,
): void {
  const digest = Digest.format(identityDigest);
  const unsigned = upstream.filter((list) => list.signedBy === null).map(({ name }) => name);
  if (options.json) {
    world.stdout.write(
      renderJson({
        nodeSet: nodeSet.name,
        identityDigest: digest,
        identity: nodeSet.identity,
        statements,
        verified: isVerified,
        unsignedUpstream: unsigned,
        out,
        files: [...files.keys()].sort(),
      }),
    );
    return;
  }
  const notes = [
    ...(isVerified ? [] : ['not verified here: give --trusted-root of the services that signed']),
    ...unsigned.map((name) => `${name} is signed by nobody: the provenance says that it is unverified`),
  ];
  world.stdout.write(
    `Attested node set ${nodeSet.name}: ${statements} signed statements in ${options.out}\n${renderFacts([
      ['identity', digest],
      ['summary', join(options.out, `${nodeSet.name}.summary.md`)],
      ...notes.map((note) => ['note', note] as const),
    ])}\n`,
  );
}
