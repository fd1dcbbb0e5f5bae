import { openAsBlob } from 'node:fs';
import { join, resolve } from 'node:path';
import { exit, Fault, limits } from '../../core/index.ts';
import { openFileSource } from '../../edge/files/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { printable, renderSize, renderTable } from '../../report/index.ts';
import {
  type ArtifactFile,
  buildPublication,
  type BundleStore,
  isReleaseName,
  type PlannedWrite,
  type Publication,
  type PutReport,
} from '../../store/index.ts';
import type { Run } from '../command.ts';
import { listDirectory, readInput, renderJson } from '../inputs.ts';
import { openProgress, type Progress } from '../progress.ts';
import { openStores } from '../stores.ts';
import type { publishCommand } from '../table.ts';
import type { World } from '../world.ts';

/** All is read and compared before anything is sent; where a store fails, what the stores before it took is told. */
export const runPublish: Run<typeof publishCommand> = async ({ operands: [directory = ''], options, world }) => {
  const stores = openStores(options.to, 'to', options, world);
  using progress = openProgress(world, `reading ${directory}`);
  const artifacts = await readArtifacts(options.artifacts, world, progress);
  const publication = buildPublication(readRelease(directory, world), artifacts);
  if (options['dry-run']) {
    const plans = stores.map((store) => ({ store: store.name, wouldWrite: store.plan(publication) }));
    progress.end();
    world.stdout.write(options.json ? renderJson({ dryRun: plans }) : plans.map(renderPlan).join('\n'));
    return exit.admit;
  }
  const published: Published[] = [];
  for (const store of stores) published.push(await put(store, publication, published, progress));
  progress.end();
  world.stdout.write(options.json ? renderJson({ published }) : published.map(renderPublished).join(''));
  return exit.admit;
};

type Published = PutReport & { readonly store: string };

async function put(
  store: BundleStore,
  publication: Publication,
  before: readonly Published[],
  progress: Progress,
): Promise<Published> {
  try {
    const report = await store.put(publication, (what) => progress.tell(`${store.name}: ${what}`));
    return { store: store.name, ...report };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const done =
      before.length === 0
        ? 'No store before it was complete'
        : `Complete: ${before.map((each) => each.store).join(', ')}`;
    const next = `${done}; publish again and only what is missing is sent${error.next === undefined ? '' : `. ${error.next}`}`;
    throw new Fault(error.code, error.message, { where: error.where ?? store.name, next, cause: error });
  }
}

function readRelease(directory: string, world: World): ReadonlyMap<string, Uint8Array> {
  const names = listDirectory(world, directory).filter(isReleaseName);
  const maxBytesOf = (name: string): number =>
    name.endsWith('.jsonl') ? limits.storeFoundBytes : limits.trustPackBytes;
  return new Map(names.map((name) => [name, readInput(world, join(directory, name), maxBytesOf(name))]));
}

async function readArtifacts(
  paths: readonly string[],
  world: World,
  progress: Progress,
): Promise<readonly ArtifactFile[]> {
  await using hashing = openHashingPool();
  const files: ArtifactFile[] = [];
  for (const path of paths) {
    progress.tell(`hashing ${path}`);
    const absolute = resolve(world.directory, path);
    using source = openFileSource(absolute);
    const [digest] = await hashing.digestSource(source, ['sha256']);
    if (digest === undefined) throw new TypeError('Cannot happen: no digest was computed');
    files.push({ path, sizeBytes: source.sizeBytes, digest, content: await openAsBlob(absolute) });
  }
  return files;
}

function renderPlan({ store, wouldWrite }: { store: string; wouldWrite: readonly PlannedWrite[] }): string {
  const rows = wouldWrite.map(({ what, place, sizeBytes }) => [
    sizeBytes === 0 ? '-' : renderSize(sizeBytes),
    place,
    printable(what),
  ]);
  return `${store} would be sent, where it is not there yet:\n${renderTable(['SIZE', 'PLACE', 'WHAT'], rows)}\n`;
}

function renderPublished({ store, written, present }: Published): string {
  return `Published to ${store}: ${written.length} written, ${present.length} there already\n`;
}
