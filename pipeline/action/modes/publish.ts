import { exit, Fault } from '../../core/index.ts';
import { describeRelease } from '../release-description.ts';
import { writeOutput } from '../runner-files.ts';
import { option, runCommand, type Step } from '../step.ts';
import { readStores } from '../stores.ts';
import { renderReleaseSummary, renderStatements } from '../summary.ts';
import { renderLine } from '../workflow-command.ts';
import { findMembers, listArtifacts } from './members.ts';
import type { ModeOutcome } from './outcome.ts';

type Write = { readonly what: string; readonly place: string; readonly id?: string; readonly url?: string };

/** What `publish` says of one store. */
export type Published = {
  readonly store: string;
  readonly written: readonly Write[];
  readonly present: readonly Write[];
};

type PublishDocument = {
  readonly published?: readonly Published[];
  readonly dryRun?: readonly { readonly store: string; readonly wouldWrite: readonly Write[] }[];
};

/** Publishes a directory that attest wrote, in this job or another. */
export async function runPublish(step: Step): Promise<ModeOutcome> {
  const { inputs, world } = step;
  const directory = inputs.wanted('bundle-dir', 'mode publish wants the directory that attest wrote');
  const stores = readStores('publish-to', inputs, world);
  if (stores.length === 0)
    throw new Fault('usage.input', 'Cannot publish: publish-to names no store', {
      where: 'publish-to',
      next: 'Want github-attestations, release, oci or directory:PATH, one a line',
    });
  const release = describeRelease(directory, world);
  const published = await publishRelease(step, directory, stores, listArtifacts(findMembers(step)));
  return { exit: exit.admit, summary: renderReleaseSummary(renderStatements(release), release, published, step) };
}

/** Publishes to the stores in their order. Where one fails, the fault says which were complete before. */
export async function publishRelease(
  step: Step,
  directory: string,
  stores: readonly string[],
  artifacts: readonly string[],
): Promise<readonly Published[]> {
  if (stores.length === 0) return [];
  const { inputs, world } = step;
  const args = [
    'publish',
    asOperand(directory),
    ...option('to', stores),
    ...option('artifacts', inputs.isSet('publish-artifacts') && stores.some(takesArtifacts) ? artifacts : []),
    ...(inputs.isSet('keep-draft') ? ['--keep-draft'] : []),
    ...(inputs.isSet('dry-run') ? ['--dry-run'] : []),
  ];
  const { published = [], dryRun = [] } = (await runCommand(args, step)).document as PublishDocument;
  for (const { store, wouldWrite } of dryRun) {
    world.write(renderLine(`${store} would be sent, where it is not there yet:`));
    for (const { what, place } of wouldWrite) world.write(renderLine(`  ${what} as ${place}`));
  }
  for (const { store, written, present } of published)
    world.write(renderLine(`Published to ${store}: ${written.length} written, ${present.length} there already`));
  const attestations = published.filter(isAttestations).flatMap(({ written, present }) => [...written, ...present]);
  writeOutput(
    world,
    'attestation-ids',
    attestations.flatMap(({ id }) => id ?? []),
  );
  writeOutput(
    world,
    'attestation-urls',
    attestations.flatMap(({ url }) => url ?? []),
  );
  return published;
}

/** A directory that looks like an option must not become one. */
function asOperand(directory: string): string {
  return directory.startsWith('-') ? `./${directory}` : directory;
}

function isAttestations({ store }: Published): boolean {
  return store.startsWith('github-attestations:');
}

/** GitHub keeps attestations, not what they are about. */
function takesArtifacts(store: string): boolean {
  return !store.startsWith('github-attestations:');
}
