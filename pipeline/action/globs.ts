import { globSync, statSync } from 'node:fs';
import { normalize, resolve } from 'node:path';
import { Fault } from '../core/index.ts';
import type { Inputs } from './inputs.ts';
import type { InputName } from './interface.ts';
import { renderWarning } from './workflow-command.ts';
import type { ActionWorld } from './world.ts';

/** Finds the files that inputs name. */
export type FileFinder = {
  /** All files of a list of paths and globs, each once, in an order of their own. Fault: usage.missing. */
  readonly files: (name: InputName) => readonly string[];
  /** The one file of an input; undefined where none was given. Faults: usage.missing, usage.input. */
  readonly file: (name: InputName) => string | undefined;
  /** `[NAME=]GLOB` lines as files with their names, each file once. Faults: usage.missing, usage.input. */
  readonly named: (name: InputName) => readonly NamedPath[];
};

export type NamedPath = { readonly name: string | null; readonly path: string };

/**
 * What `fail-on-missing: false` is about. Keys, roots and services decide how files are signed and judged: one that is not
 * there must not leave a list unchecked, nor a signature to Sigstore's public log.
 */
const mayBeMissing: ReadonlySet<InputName> = new Set(['image', 'shipped', 'sysext', 'subject-path']);

export function openFileFinder(inputs: Inputs, world: ActionWorld): FileFinder {
  const isStrict = inputs.isSet('fail-on-missing');
  const absolute = (path: string): string => resolve(world.directory, path);
  const find = (name: InputName, pattern: string): readonly string[] => {
    const found = expandGlob(pattern, world.directory);
    if (found.length > 0) return found;
    const problem = `no regular file matches ${JSON.stringify(pattern.slice(0, 200))}`;
    if (isStrict || !mayBeMissing.has(name))
      throw new Fault('usage.missing', `Cannot use the input ${name}: ${problem}`, {
        where: name,
        next: `Paths start at ${world.directory}${mayBeMissing.has(name) ? '; fail-on-missing: false only warns' : ''}`,
      });
    world.write(renderWarning(`The input ${name}: ${problem}`));
    return [];
  };
  return {
    files(name) {
      const patterns = inputs.lines(name).filter((line) => !line.startsWith('#'));
      const excluded = new Set(
        patterns
          .filter(isExclusion)
          .flatMap((pattern) => expandGlob(pattern.slice(1).trim(), world.directory).map(absolute)),
      );
      const found = patterns.filter((pattern) => !isExclusion(pattern)).flatMap((pattern) => find(name, pattern));
      const distinct = new Map(found.map((path) => [absolute(path), path]));
      return [...distinct].flatMap(([file, path]) => (excluded.has(file) ? [] : [path])).sort();
    },
    file(name) {
      const pattern = inputs.text(name);
      if (pattern === undefined) return undefined;
      const found = find(name, pattern);
      return onlyOne(name, pattern, found);
    },
    named(name) {
      const lines = inputs.lines(name).filter((line) => !line.startsWith('#'));
      const found = lines.map(parseNamed).flatMap(({ name: given, path: pattern }): readonly NamedPath[] => {
        const paths = find(name, pattern);
        if (given === null) return paths.map((path) => ({ name: null, path }));
        const path = onlyOne(name, pattern, paths);
        return path === undefined ? [] : [{ name: given, path }];
      });
      return [...Map.groupBy(found, ({ path }) => absolute(path)).values()].map((same) => nameOnce(name, same));
    },
  };
}

function isExclusion(pattern: string): boolean {
  return pattern.startsWith('!');
}

function onlyOne(name: InputName, pattern: string, found: readonly string[]): string | undefined {
  if (found.length <= 1) return found[0];
  throw new Fault(
    'usage.input',
    `Cannot use the input ${name}: ${JSON.stringify(pattern)} matches ${found.length} files, want one`,
    { where: name, next: `It matches ${found.slice(0, 5).join(', ')}` },
  );
}

/** A glob may match what another line names: the name stands. Fault: usage.input, where there are two. */
function nameOnce(input: InputName, same: readonly NamedPath[]): NamedPath {
  const [path = ''] = same.map((entry) => entry.path);
  const [name = null, other] = new Set(same.flatMap((entry) => entry.name ?? []));
  if (other === undefined) return { name, path };
  throw new Fault('usage.input', `Cannot use the input ${input}: ${path} is named both ${name ?? ''} and ${other}`, {
    where: input,
    next: 'A sysext is merged under one name: leave one of the lines away',
  });
}

/** A name has no slash, so that `./a=b.raw` is a path. */
function parseNamed(line: string): NamedPath {
  const [, name, path] = /^([^/=*?[\]{}]+)=(.+)$/.exec(line) ?? [];
  return name === undefined || path === undefined ? { name: null, path: line } : { name, path };
}

/** Regular files only, sorted by code unit. What is there under the very name is meant, whatever characters it has. */
function expandGlob(pattern: string, directory: string): readonly string[] {
  if (isFile(pattern, directory)) return [spell(pattern)];
  return globSync(pattern, { cwd: directory })
    .filter((path) => isFile(path, directory))
    .map(spell)
    .sort();
}

/** Whoever made the files chose their names: none is to be read as an option, as `NAME=FILE` or as a digest. */
function spell(path: string): string {
  const plain = normalize(path);
  return /^-|^[^/]*[=:]/.test(plain) ? `./${plain}` : plain;
}

export function isFile(path: string, directory: string): boolean {
  return statSync(resolve(directory, path), { throwIfNoEntry: false })?.isFile() === true;
}
