import { Fault } from '../../core/index.ts';
import type { NamedPath } from '../globs.ts';
import type { Inputs } from '../inputs.ts';
import type { Step } from '../step.ts';

/** The files that the inputs name. */
export type Members = {
  readonly image: string | undefined;
  readonly shipped: string | undefined;
  readonly sysexts: readonly NamedPath[];
  /** Further files, without those above. */
  readonly subjects: readonly string[];
};

/** Whether any input names files, found or not: only where none does, artifacts of earlier steps are meant. */
export function namesFiles(inputs: Inputs): boolean {
  return (['image', 'shipped', 'sysext', 'subject-path'] as const).some((name) => inputs.text(name) !== undefined);
}

export function findMembers({ files }: Step): Members {
  const image = files.file('image');
  const shipped = files.file('shipped');
  const sysexts = files.named('sysext');
  const members = new Set([image, shipped, ...sysexts.map(({ path }) => path)]);
  const subjects = files.files('subject-path').filter((path) => !members.has(path));
  return { image, shipped, sysexts, subjects };
}

/** All of them, each as its path. */
export function listMembers({ image, shipped, sysexts, subjects }: Members): readonly string[] {
  return [...listImages({ image, shipped }), ...sysexts.map(({ path }) => path), ...subjects];
}

function listImages({ image, shipped }: Pick<Members, 'image' | 'shipped'>): readonly string[] {
  return [image, shipped].filter((path) => path !== undefined);
}

/** What is published beside the bundles: the image as it is shipped, and the sysexts. */
export function listArtifacts({ image, shipped, sysexts }: Members): readonly string[] {
  return [...listImages({ image, shipped }).slice(-1), ...sysexts.map(({ path }) => path)];
}

export function nothingNamed(verb: string, next: string): Fault {
  return new Fault('usage.input', `Cannot ${verb}: no file was named`, { next });
}
