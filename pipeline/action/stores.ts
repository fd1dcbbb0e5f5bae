import { Fault } from '../core/index.ts';
import type { Inputs } from './inputs.ts';
import type { InputName } from './interface.ts';
import type { ActionWorld } from './world.ts';

/** Words that stand for a store which the job and other inputs tell. */
type StoreWord = 'github-attestations' | 'release' | 'oci';

const words: Readonly<Record<StoreWord, (inputs: Inputs, world: ActionWorld) => string>> = {
  'github-attestations': (_inputs, world) => `github-attestations:${repositoryOf(world)}`,
  release: (inputs, world) => `release:${repositoryOf(world)}@${tagOf(inputs, world)}`,
  oci: (inputs) => `oci:${inputs.wanted('registry', 'publishing to oci wants HOST/REPOSITORY')}`,
};

/** The stores of a list as the command line names them, each once. Faults: usage.input. */
export function readStores(
  name: InputName & ('publish-to' | 'from'),
  inputs: Inputs,
  world: ActionWorld,
): readonly string[] {
  const given = inputs.lines(name).flatMap((line) => line.split(/[\s,]+/));
  const wanted = name === 'publish-to' && inputs.isSet('push-to-registry') ? [...given, 'oci'] : given;
  return [...new Set(wanted.map((store) => nameStore(store, inputs, world)))];
}

function nameStore(store: string, inputs: Inputs, world: ActionWorld): string {
  if (isWord(store)) return words[store](inputs, world);
  // What follows the colon is the command's to judge.
  if (store.includes(':')) return store;
  throw new Fault('usage.input', `Cannot use the store ${JSON.stringify(store.slice(0, 200))}`, {
    next: `Want ${Object.keys(words).join(', ')} or directory:PATH, one a line`,
  });
}

function isWord(store: string): store is StoreWord {
  return Object.hasOwn(words, store);
}

function repositoryOf({ environment }: ActionWorld): string {
  const repository = environment['GITHUB_REPOSITORY'];
  if (repository !== undefined && repository !== '') return repository;
  throw new Fault('config.github-context', 'Cannot tell the repository: GITHUB_REPOSITORY is not set', {
    next: 'Run it in a job of GitHub Actions, or name the repository: github-attestations:OWNER/REPO',
  });
}

function tagOf(inputs: Inputs, { environment }: ActionWorld): string {
  const given = inputs.text('release-tag');
  if (given !== undefined) return given;
  const { GITHUB_REF_TYPE: type, GITHUB_REF_NAME: name } = environment;
  if (type === 'tag' && name !== undefined && name !== '') return name;
  throw new Fault('usage.input', 'Cannot tell the tag of the release: the workflow does not run for a tag', {
    where: 'release-tag',
    next: 'Give it as release-tag',
  });
}
