import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { Digest, Fault, limits } from '../core/index.ts';
import { readSmallFile } from '../edge/files/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { appendToRunnerFile } from './runner-files.ts';
import { renderWarning } from './workflow-command.ts';
import type { ActionWorld } from './world.ts';

/**
 * Artifacts that the steps of a job declare to each other (actions/runner 2.335, ArtifactsListFileCommand and
 * CreateArtifactsFileCommand): one file to read what was declared before, one to append to, a line each.
 */
const listSchema = z.strictObject({
  version: z.literal(1),
  subjects: z
    .array(
      z.looseObject({
        name: z.string().check(z.minLength(1), z.maxLength(1024)),
        digest: z.string().check(z.regex(/^sha(?:256|384|512):[0-9a-fA-F]{64,128}$/)),
        kind: z.enum(['file', 'oci']),
      }),
    )
    .check(z.maxLength(limits.statementSubjects)),
});

export type DeclaredArtifact = { readonly name: string; readonly digest: Digest; readonly kind: 'file' | 'oci' };

/** What earlier steps declared; nothing where the runner does not say. Faults: config.artifacts-list, file.*, json.*. */
export function readDeclaredArtifacts({ environment }: ActionWorld): readonly DeclaredArtifact[] {
  const path = environment['GITHUB_ARTIFACTS_LIST'];
  if (path === undefined || path.trim() === '') return [];
  const bytes = readSmallFile(path, listBytes);
  // Runners with the feature switched off leave the file empty.
  if (Buffer.from(bytes).toString('latin1').trim() === '') return [];
  const { subjects } = parseWith(
    listSchema,
    parseJsonBytes(bytes, 'list of artifacts', listBytes),
    'config.artifacts-list',
    'list of artifacts',
  );
  return subjects.map(({ name, digest, kind }) => ({ name, digest: Digest.parse(digest.toLowerCase()), kind }));
}

const listBytes = 4 * 1024 * 1024;

/** The subjects that can be attested by their digest. Fault: config.artifacts-list. */
export function subjectOptions(declared: readonly DeclaredArtifact[]): readonly string[] {
  return declared.map(({ name, digest }) => {
    if (digest.algorithm === 'sha256') return `${name}@${Digest.format(digest)}`;
    throw new Fault(
      'config.artifacts-list',
      `Cannot attest ${name}: it was declared by ${digest.algorithm}, want sha256`,
      {
        where: 'GITHUB_ARTIFACTS_LIST',
      },
    );
  });
}

/** What one job may declare in all: a line too many fails the step. */
const mostDeclared = 500;
const mostDeclaredBytes = 1024 * 1024;

export type Declaration = { readonly path: string; readonly name: string; readonly digest: string };

/**
 * Declares files to later steps. The runner fails the step for a line that it does not take, so those are left out with a
 * warning: a `=` in the path, a name that stands for other bytes already, more than the step or the job may have.
 */
export function declareArtifacts(files: readonly Declaration[], world: ActionWorld): void {
  const path = world.environment['GITHUB_ARTIFACTS'];
  if (path === undefined || path === '') return;
  const known = readKnown(world);
  if (known === null) return;
  let text = '';
  const leftOut = new Map<string, string[]>();
  for (const file of files) {
    const before = known.get(file.name);
    if (before === file.digest) continue;
    const absolute = resolve(world.directory, file.path);
    const line = `file://${absolute}\n`;
    const problem =
      whyNotThere(absolute, world) ?? whyNot(before, known.size, Buffer.byteLength(text) + Buffer.byteLength(line));
    if (problem === null) {
      text += line;
      known.set(file.name, file.digest);
    } else leaveOut(leftOut, problem, file.name);
  }
  for (const [problem, names] of leftOut)
    world.write(renderWarning(`${listNames(names)}: not declared to later steps, for ${problem}`));
  appendToRunnerFile(world, 'GITHUB_ARTIFACTS', text);
}

function leaveOut(leftOut: Map<string, string[]>, problem: string, name: string): void {
  const names = leftOut.get(problem);
  if (names === undefined) leftOut.set(problem, [name]);
  else names.push(name);
}

/** A step shows ten warnings: the first names stand for all. */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** A list of a later form must not fail a step whose files are signed: then nothing is declared. */
function readKnown(world: ActionWorld): Map<string, string> | null {
  try {
    return new Map(readDeclaredArtifacts(world).map(({ name, digest }) => [name, Digest.format(digest)]));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    world.write(renderWarning(`No file is declared to later steps: ${error.message}`));
    return null;
  }
}

/** The runner trims lines, and a container's file must lie where the runner sees it (ContainerInfo: its volume mounts). */
function whyNotThere(absolute: string, { directory }: ActionWorld): string | null {
  if (/[=\p{Cc}\u2028\u2029]|[\s\p{Z}]$/u.test(absolute)) return 'its path holds a character that the runner reserves';
  const isContainer = directory.startsWith('/__w/');
  return isContainer && !/^\/(?:__w|github\/(?:home|workflow))\//.test(absolute)
    ? 'it lies outside what the runner shares with the container'
    : null;
}

function whyNot(before: string | undefined, count: number, bytes: number): string | null {
  if (before !== undefined) return `an earlier step declared other bytes under that name, ${before}`;
  if (bytes > mostDeclaredBytes) return `a step may write ${mostDeclaredBytes} bytes`;
  return count >= mostDeclared ? `a job may declare ${mostDeclared}` : null;
}
