import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Digest, exit, Fault } from '../../core/index.ts';
import { declareArtifacts, readDeclaredArtifacts, subjectOptions } from '../artifacts.ts';
import { describeRelease, digestsByName, type ReleaseDescription } from '../release-description.ts';
import { appendToFile, writeOutput, writeSummary } from '../runner-files.ts';
import { checkPublication, option, runCommand, type Step } from '../step.ts';
import { readKeyInput } from '../key.ts';
import { readStores } from '../stores.ts';
import { renderReleaseSummary } from '../summary.ts';
import { renderLine, renderNotice, renderWarning } from '../workflow-command.ts';
import type { ActionWorld } from '../world.ts';
import { findMembers, listArtifacts, listMembers, type Members, namesFiles, nothingNamed } from './members.ts';
import type { ModeOutcome } from './outcome.ts';
import { type Published, publishRelease } from './publish.ts';

/** What of the document of `attest` is told. */
type AttestDocument = {
  readonly statements: number;
  readonly verified: boolean;
  readonly unsignedUpstream: readonly string[];
  /** What whoever verifies should know of the signatures. */
  readonly notes: readonly string[];
};

/** Makes and signs the attestations of a release and, where `publish-to` says so, publishes them. */
export async function runAttest(step: Step): Promise<ModeOutcome> {
  const { inputs, world } = step;
  // What is missing most often is said before any file is looked for, and all of it before any is read.
  checkSigner(step);
  const name = inputs.wanted('node-set-name', 'the names of all files of a release begin with it');
  const stores = readStores('publish-to', inputs, world);
  checkPublication(stores, step);
  const members = findMembers(step);
  const declared = namesFiles(inputs) ? [] : subjectOptions(readDeclaredArtifacts(world));
  if (listMembers(members).length + declared.length === 0)
    throw nothingNamed(
      'attest',
      'Give image, sysext or subject-path, or declare artifacts in earlier steps ($GITHUB_ARTIFACTS)',
    );
  const directory = inputs.text('bundle-dir') ?? defaultDirectory(step);
  const { document } = await runCommand(attestArguments(step, name, directory, members, declared), step);
  const release = describeRelease(directory, world);
  tellRelease(step, document as AttestDocument, release);
  declareMembers(members, release, step);
  // Outputs stand before anything is sent: a later step can publish what was made here.
  const summarise = (published: readonly Published[]): string =>
    renderReleaseSummary(release.markdown, release, published, step);
  try {
    const published = await publishRelease(step, directory, stores, listArtifacts(members));
    return { exit: exit.admit, summary: summarise(published) };
  } catch (error) {
    if (inputs.isSet('show-summary')) writeSummary(world, summarise([]));
    throw error;
  }
}

function checkSigner({ inputs, world }: Step): void {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url } = world.environment;
  if (readKeyInput(inputs, world) !== undefined || (url !== undefined && url !== '')) return;
  throw new Fault('usage.permissions', 'Cannot sign: the job has no identity token, and the input key is empty', {
    next: 'Give the job `permissions: id-token: write` (jobs of pull requests from forks never have it), or a key',
  });
}

/** A new directory of this step, which later steps can read. */
function defaultDirectory({ world }: Step): string {
  const temporary = world.environment['RUNNER_TEMP'];
  const place = temporary === undefined || temporary === '' ? tmpdir() : temporary;
  try {
    return join(mkdtempSync(join(place, 'nodeproof-')), 'release');
  } catch (cause) {
    throw new Fault('file.write', `Cannot make a directory in ${place}`, {
      where: 'RUNNER_TEMP',
      next: 'Name one yourself: bundle-dir',
      cause,
    });
  }
}

function attestArguments(
  step: Step,
  name: string,
  directory: string,
  { image, shipped, sysexts, subjects }: Members,
  declared: readonly string[],
): readonly string[] {
  const { inputs, files, world } = step;
  return [
    'attest',
    ...option('name', name),
    ...option('image', image),
    ...option('shipped', shipped),
    ...option(
      'sysext',
      sysexts.map(({ name: given, path }) => (given === null ? path : `${given}=${path}`)),
    ),
    ...option('role', inputs.text('role')),
    ...option('valid-until', inputs.text('valid-until')),
    ...option('without', inputs.lines('without')),
    ...option('build-context', files.file('build-context')),
    ...option('upstream', inputs.text('upstream')),
    ...option('upstream-key', files.files('upstream-key')),
    ...option('key', readKeyInput(inputs, world)?.option),
    ...option('signing-config', files.file('signing-config')),
    ...option('sigstore', inputs.text('sigstore')),
    ...option('trusted-root', files.files('trusted-root')),
    ...option('out', directory),
    // Last, as the log does not show thousands of them.
    ...option('subject', [...subjects, ...declared]),
  ];
}

function tellRelease({ world }: Step, made: AttestDocument, release: ReleaseDescription): void {
  const { directory, bundles, sboms, trustPack, nodeSet } = release;
  world.write(renderLine(`Made ${made.statements} signed statements in ${directory}`));
  if (nodeSet !== null) world.write(renderLine(`Identity of its nodes: ${nodeSet.identityDigest}`));
  if (!made.verified)
    world.write(renderWarning('The bundles were not verified here: give the trusted-root of the services that signed'));
  for (const note of made.notes) world.write(renderNotice(note));
  for (const list of made.unsignedUpstream)
    world.write(renderWarning(`${list} is signed by nobody: the provenance says that it is unverified`));
  const paths = bundles.map(({ path }) => path);
  writeOutput(world, 'bundle-dir', directory);
  writeOutput(world, 'bundle-paths', paths);
  writeOutput(world, 'sbom-paths', sboms);
  writeOutput(world, 'trust-pack', trustPack ?? '');
  writeOutput(world, 'identity-digest', nodeSet?.identityDigest ?? '');
  writeOutput(world, 'node-set', nodeSet?.path ?? '');
  recordCreatedPaths(world, paths);
}

/** Where actions/attest tells other actions of the runner's job what it made. */
function recordCreatedPaths(world: ActionWorld, paths: readonly string[]): void {
  const temporary = world.environment['RUNNER_TEMP'];
  if (temporary === undefined || temporary === '') return;
  appendToFile(
    join(temporary, 'created_attestation_paths.txt'),
    paths.map((path) => `${resolve(world.directory, path)}\n`).join(''),
  );
}

function declareMembers(members: Members, release: ReleaseDescription, { world }: Step): void {
  const digests = digestsByName(release);
  const files = listMembers(members).flatMap((path) => {
    const digest = digests.get(basename(path));
    return digest === undefined ? [] : [{ path, name: basename(path), digest: Digest.format(digest) }];
  });
  declareArtifacts(files, world);
}
