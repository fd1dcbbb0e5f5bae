import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import {
  attestRelease,
  readImageArtifacts,
  readSysextArtifact,
  type Release,
  type ReleaseInput,
  verifyUpstream,
} from '../../attest/index.ts';
import { Digest, exit, Fault, type Json } from '../../core/index.ts';
import { digestDecompressed, openFileSource, writeDirectoryAtomically } from '../../edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { githubBuildContext, localBuildContext, parseBuildContext } from '../../provenance/index.ts';
import { parseTrustedRootCandidate, publicGoodRoot } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inputLimits, parseTime, readInput, renderJson } from '../inputs.ts';
import { openProgress } from '../progress.ts';
import { openSigner } from '../signer.ts';
import type { attestCommand } from '../table.ts';
import { version } from '../version.ts';
import { documentTime } from '../world.ts';

type AttestInvocation = Invocation<typeof attestCommand>;

export const runAttest: Run<typeof attestCommand> = async (invocation) => {
  const { options, world } = invocation;
  // Everything that can be refused cheaply is refused before eight gigabytes are read.
  const signer = openSigner(options, world);
  const out = resolve(world.directory, options.out);
  let release: Release | undefined;
  await writeDirectoryAtomically(out, async (directory) => {
    await using hashing = openHashingPool();
    using progress = openProgress(world, `reading ${options.image}`);
    const input = await readRelease(invocation, hashing, (what) => progress.tell(what));
    release = await attestRelease(input, signer);
    for (const [name, bytes] of release.files) writeFileSync(join(directory, name), bytes, { flag: 'wx' });
  });
  if (release !== undefined) tell(invocation, release, out);
  return exit.admit;
};

async function readRelease(
  { options, world }: AttestInvocation,
  hashing: HashingPool,
  progress: (what: string) => void,
): Promise<ReleaseInput> {
  const time = documentTime(world);
  const context =
    options['build-context'] === undefined
      ? (githubBuildContext(world.environment) ?? localBuildContext)
      : parseBuildContext(readInput(world, options['build-context'], inputLimits.buildContext));
  const named = (path: string) => ({ name: basename(path), bytes: readInput(world, path, inputLimits.upstream) });
  const upstream = await verifyUpstream(options.upstream.map(named), options['upstream-key'].map(named), time);
  const algorithms = [...new Set(upstream.flatMap((list) => list.lines.map((line) => line.digest.algorithm)))].filter(
    (algorithm) => algorithm !== 'sha256',
  );
  const trustedRoots = options['trusted-root'].map(
    (path) => parseTrustedRootCandidate(readInput(world, path, 1024 * 1024)).json,
  );
  using source = openFileSource(resolve(world.directory, options.image));
  const { image, builtIn } = await readImageArtifacts(source, basename(options.image), hashing, {
    without: options.without,
    algorithms,
  });
  const sysexts = [];
  for (const given of options.sysext.map(parseSysextOption)) {
    progress(`reading ${given.path}`);
    using file = openFileSource(resolve(world.directory, given.path));
    sysexts.push(await readSysextArtifact(file, basename(given.path), given.name, hashing, algorithms));
  }
  return {
    name: options.name,
    role: options.role ?? null,
    validUntil:
      options['valid-until'] === undefined ? null : parseTime(options['valid-until'], 'valid-until').toISOString(),
    time,
    image,
    shipped: await readShipped(options.shipped, image.digests[0], hashing, world, progress),
    builtIn,
    sysexts,
    without: options.without,
    context,
    upstream,
    trustedRoots:
      trustedRoots.length > 0 || options.key !== undefined || options['signing-config'] !== undefined
        ? trustedRoots
        : ([publicGoodRoot().json] satisfies Json[]),
    nodeproofVersion: version,
    progress,
  };
}

/** The shipped file must be the very image that was read, compressed: its decompressed bytes are hashed, never assumed. */
async function readShipped(
  path: string | undefined,
  imageDigest: Digest,
  hashing: HashingPool,
  world: AttestInvocation['world'],
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

function tell({ options, world }: AttestInvocation, release: Release, out: string): void {
  const identityDigest = Digest.format(release.identityDigest);
  if (options.json) {
    world.stdout.write(
      renderJson({
        nodeSet: release.nodeSet.name,
        identityDigest,
        identity: release.nodeSet.identity,
        statements: release.statements,
        out,
        files: [...release.files.keys()].sort(),
      }),
    );
    return;
  }
  world.stdout.write(
    `Attested node set ${release.nodeSet.name}: ${release.statements} signed statements in ${options.out}\n  identity  ${identityDigest}\n  summary   ${join(options.out, `${release.nodeSet.name}.summary.md`)}\n`,
  );
}
