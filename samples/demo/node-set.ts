import { join } from 'node:path';
import {
  type attestRelease,
  type ImageArtifact,
  readImageArtifacts,
  readSysextArtifact,
  type SysextArtifact,
} from '../../pipeline/attest/index.ts';
import type { ImageShelf } from '../../pipeline/cli/cases/index.ts';
import { version } from '../../pipeline/cli/version.ts';
import { limits } from '../../pipeline/core/index.ts';
import { openFileSource } from '../../pipeline/edge/files/index.ts';
import type { HashingPool } from '../../pipeline/edge/hashing/index.ts';
import { readSysext } from '../../pipeline/image/index.ts';
import { githubBuildContext } from '../../pipeline/provenance/index.ts';
import type { TrustedRootCandidate } from '../../pipeline/trust/index.ts';

/** The node set of the demo: a Flatcar image with its built-in extensions, Kubernetes and Falco. */
export const set = { name: 'workers-4593.2.5', version: '4593.2.5', role: 'worker' } as const;

/** The commit that the loopback Sigstore's tokens name. */
export const commit = '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261';

export const signedAt = new Date('2026-11-01T12:00:00Z');

export type NodeSetParts = {
  readonly image: ImageArtifact;
  readonly builtIn: readonly SysextArtifact[];
  readonly kubernetes: SysextArtifact;
  readonly falco: SysextArtifact;
  /** Blocks of 4096 bytes that Falco's verity covers. */
  readonly falcoBlocks: number;
  /** Another build of Kubernetes, for attackers to attest. */
  readonly rebuilt: SysextArtifact;
};

const images = join(import.meta.dirname, 'images');

export async function readNodeSetParts(shelf: ImageShelf, hashing: HashingPool): Promise<NodeSetParts> {
  const open = (file: string) => openFileSource(shelf.unpack({ file: join(images, `${file}.zst`) }));
  const readArtifact = async (file: string, name: string) => {
    using source = open(file);
    return await readSysextArtifact(source, file, name, hashing, []);
  };
  const name = 'flatcar_production_image.bin';
  using source = open(name);
  using falco = open('falco.raw');
  const { image, builtIn } = await readImageArtifacts(source, name, hashing, { without: [], algorithms: [] });
  return {
    image,
    builtIn,
    kubernetes: await readArtifact('kubernetes-v1.34.2-x86-64.raw', 'kubernetes'),
    falco: await readArtifact('falco.raw', 'falco'),
    falcoBlocks: (await readSysext(falco, hashing.hashLeaves)).verity?.superblock.dataBlocks ?? 0,
    rebuilt: await readArtifact('kubernetes-rebuilt.raw', 'kubernetes'),
  };
}

/** The release as its workflow on GitHub makes it. */
export function releaseInput(
  { image, builtIn }: NodeSetParts,
  sysexts: readonly SysextArtifact[],
  trustedRoots: readonly TrustedRootCandidate[],
): Parameters<typeof attestRelease>[0] {
  const context = githubBuildContext({
    GITHUB_ACTIONS: 'true',
    GITHUB_REPOSITORY: 'acme/node-images',
    GITHUB_SHA: commit,
    GITHUB_REF: `refs/tags/v${set.version}`,
    GITHUB_RUN_ID: '9876543210',
    GITHUB_WORKFLOW_REF: `acme/node-images/.github/workflows/release.yml@refs/tags/v${set.version}`,
    GITHUB_EVENT_NAME: 'push',
    RUNNER_ENVIRONMENT: 'github-hosted',
  });
  if (context === undefined) throw new TypeError('Cannot happen: no build context');
  return {
    name: set.name,
    role: set.role,
    validUntil: '2027-05-01T00:00:00Z',
    time: signedAt,
    image,
    shipped: null,
    builtIn,
    sysexts,
    without: [],
    files: [],
    notes: [],
    context,
    upstream: [],
    trustedRoots,
    nodeproofVersion: version,
    storedStatementBytes: limits.storedStatementBytes,
    progress: () => undefined,
  };
}
