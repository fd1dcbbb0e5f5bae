import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import {
  attestRelease,
  readImageArtifacts,
  readSysextArtifact,
  type Release,
  type ReleaseInput,
  upstreamAlgorithms,
} from '../../attest/index.ts';
import { Digest, type DigestAlgorithm, exit, Fault, limits } from '../../core/index.ts';
import { digestDecompressed } from '../../edge/decompression/index.ts';
import { openFileSource, writeDirectoryAtomically } from '../../edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { inventoryHelper } from '../../edge/inventory/index.ts';
import {
  type BuildContext,
  buildContextBytes,
  githubBuildContext,
  type GithubClaims,
  localBuildContext,
  parseBuildContext,
} from '../../provenance/index.ts';
import { renderFacts } from '../../report/index.ts';
import { checkTrustedRoot, parseTrustedRootCandidate } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import { asConfiguration, inFile, parseEnd, parseName, readConfiguration, renderJson } from '../inputs.ts';
import { openProgress } from '../progress.ts';
import { openSigner } from '../signer.ts';
import { parseSubjectOptions, readSubjects, type SubjectOption } from '../subjects.ts';
import type { attestCommand } from '../table.ts';
import { readUpstream } from '../upstream.ts';
import { version } from '../version.ts';
import { documentTime, type World } from '../world.ts';

type AttestInvocation = Invocation<typeof attestCommand>;

export const runAttest: Run<typeof attestCommand> = async (invocation) => {
  const { options, world } = invocation;
  // Everything that can be refused cheaply is refused before eight gigabytes are read.
  checkOptions(options);
  const subjects = parseSubjectOptions(options.subject);
  const cheap = await readPlan(invocation);
  const { signer, claims, trustedRoots, notes } = await openSigner(options, world);
  const plan: Plan = {
    ...cheap,
    context: readContext(options['build-context'], claims, world),
    trustedRoots: cheap.trustedRoots.length > 0 ? cheap.trustedRoots : trustedRoots,
    notes,
  };
  const out = resolve(world.directory, options.out);
  let release: Release | undefined;
  await writeDirectoryAtomically(out, async (directory) => {
    await using pool = openHashingPool();
    // An image has a digest of the whole, which takes a core.
    const hashing = { ...pool, inventory: inventoryHelper(options.image === undefined ? 0 : 1) };
    using progress = openProgress(world, `reading ${options.image ?? 'files'}`);
    const artifacts = await readArtifacts(invocation, plan, subjects, hashing, progress.tell);
    release = await attestRelease({ ...plan, ...artifacts, progress: progress.tell }, signer);
    for (const [name, bytes] of release.files) writeFileSync(join(directory, name), bytes, { flag: 'wx' });
  });
  if (release !== undefined) tell(invocation, release, plan, out);
  return exit.admit;
};

/** Faults: usage.nothing, usage.image. */
function checkOptions(options: AttestInvocation['options']): void {
  if (options.image !== undefined) return;
  if (options.sysext.length === 0 && options.subject.length === 0)
    throw new Fault('usage.nothing', 'Cannot attest: nothing was given, want --image, --sysext or --subject');
  const meaningless = (['shipped', 'without', 'role', 'valid-until'] as const).find(
    (name) => options[name] !== undefined && options[name].length > 0,
  );
  if (meaningless !== undefined)
    throw new Fault('usage.image', `Cannot use --${meaningless} without --image: it is about the node set`, {
      next: 'Give the --image of the node set, or leave the option away',
    });
}

type Artifacts = Pick<ReleaseInput, 'image' | 'builtIn' | 'sysexts' | 'shipped' | 'files'>;
type Plan = Omit<ReleaseInput, keyof Artifacts | 'progress'>;

/** All that is known before anybody is asked for anything. */
async function readPlan({ options, world }: AttestInvocation): Promise<Omit<Plan, 'context' | 'notes'>> {
  const time = documentTime(world);
  return {
    name: parseName(options.name, 'name'),
    role: options.role === undefined ? null : parseName(options.role, 'role'),
    validUntil: options['valid-until'] === undefined ? null : parseEnd(options['valid-until'], 'valid-until', time),
    time,
    without: options.without,
    upstream: await readUpstream(options, time, world),
    trustedRoots: readTrustedRoots(options['trusted-root'], world),
    storedStatementBytes: limits.storedStatementBytes,
    nodeproofVersion: version,
  };
}

function readContext(path: string | undefined, claims: GithubClaims | undefined, world: World): BuildContext {
  const run = githubBuildContext(world.environment, claims);
  if (path === undefined) return run ?? localBuildContext;
  return inFile(path, () => parseBuildContext(readConfiguration(world, path, buildContextBytes), run));
}

function readTrustedRoots(paths: readonly string[], world: World): ReleaseInput['trustedRoots'] {
  return paths.map((path) =>
    asConfiguration(path, () => {
      const candidate = parseTrustedRootCandidate(readConfiguration(world, path, limits.trustedRootBytes));
      checkTrustedRoot(candidate.json);
      return candidate;
    }),
  );
}

async function readArtifacts(
  { options, world }: AttestInvocation,
  { without, upstream }: Plan,
  subjects: readonly SubjectOption[],
  hashing: HashingPool,
  progress: (what: string) => void,
): Promise<Artifacts> {
  const algorithms = upstreamAlgorithms(upstream);
  // The image's digest takes longest: the extensions are read meanwhile. Where both are bad the image is told.
  const [images, extensions] = await Promise.allSettled([
    readImage(options.image, { without, algorithms }, hashing, world),
    readSysexts(options.sysext, algorithms, hashing, world, progress),
  ]);
  const { image, builtIn } = outcomeOf(images);
  const sysexts = outcomeOf(extensions);
  return {
    image,
    builtIn,
    sysexts,
    shipped: image === null ? null : await readShipped(options.shipped, image.digests[0], hashing, world, progress),
    files: await readSubjects(subjects, algorithms, hashing, world, progress),
  };
}

async function readImage(
  path: string | undefined,
  choice: Parameters<typeof readImageArtifacts>[3],
  hashing: HashingPool,
  world: World,
): Promise<Pick<ReleaseInput, 'image' | 'builtIn'>> {
  if (path === undefined) return { image: null, builtIn: [] };
  using source = openFileSource(resolve(world.directory, path));
  return await readImageArtifacts(source, basename(path), hashing, choice);
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

function outcomeOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
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
  release: Release,
  { name, upstream, notes }: Plan,
  out: string,
): void {
  const { nodeSet, identityDigest, statements, isVerified } = release;
  const digest = identityDigest === null ? null : Digest.format(identityDigest);
  const unsigned = upstream.filter((list) => list.signedBy === null).map((list) => list.name);
  if (options.json) {
    const { files, bundles, sboms, bundleLines, trustPack, summary, checksums } = release;
    world.stdout.write(
      renderJson({
        nodeSet: nodeSet?.name ?? null,
        identityDigest: digest,
        identity: nodeSet?.identity ?? null,
        statements,
        verified: isVerified,
        unsignedUpstream: unsigned,
        notes,
        out,
        files: [...files.keys()].sort(),
        bundles,
        sboms,
        bundleLines,
        trustPack,
        summary,
        checksums,
      }),
    );
    return;
  }
  const told = [
    ...notes,
    ...(isVerified ? [] : ['not verified here: give --trusted-root of the services that signed']),
    ...unsigned.map((list) => `${list} is signed by nobody: the provenance says that it is unverified`),
  ];
  world.stdout.write(
    `Attested ${nodeSet === null ? '' : 'node set '}${name}: ${statements} signed statements in ${options.out}\n${renderFacts(
      [
        ...(digest === null ? [] : [['identity', digest] as const]),
        ['summary', join(options.out, release.summary)],
        ...told.map((note) => ['note', note] as const),
      ],
    )}\n`,
  );
}
