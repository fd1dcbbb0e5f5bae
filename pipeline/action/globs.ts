import { globSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
  /** `[NAME=]GLOB` lines as `[NAME=]PATH`. Faults: usage.missing, usage.input. */
  readonly named: (name: InputName) => readonly NamedPath[];
};

export type NamedPath = { readonly name: string | null; readonly path: string };

export function openFileFinder(inputs: Inputs, world: ActionWorld): FileFinder {
  const isStrict = inputs.isSet('fail-on-missing');
  const find = (name: InputName, pattern: string): readonly string[] => {
    const found = expandGlob(pattern, world.directory);
    if (found.length > 0) return found;
    const problem = `no file matches ${JSON.stringify(pattern)}`;
    if (isStrict)
      throw new Fault('usage.missing', `Cannot use the input ${name}: ${problem}`, {
        where: name,
        next: `Paths start at ${world.directory}; fail-on-missing: false only warns`,
      });
    world.write(renderWarning(`The input ${name}: ${problem}`));
    return [];
  };
  return {
    files(name) {
      const patterns = inputs.lines(name).filter((line) => !line.startsWith('#'));
      const excluded = new Set(
        patterns.filter(isExclusion).flatMap((pattern) => expandGlob(pattern.slice(1).trim(), world.directory)),
      );
      const found = patterns.filter((pattern) => !isExclusion(pattern)).flatMap((pattern) => find(name, pattern));
      return [...new Set(found)].filter((path) => !excluded.has(path)).sort();
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
      return [...new Map(found.map((entry) => [entry.path, entry])).values()];
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

/** A name has no slash, so that `./a=b.raw` is a path. */
function parseNamed(line: string): NamedPath {
  const [, name, path] = /^([^/=*?[\]{}]+)=(.+)$/.exec(line) ?? [];
  return name === undefined || path === undefined ? { name: null, path: line } : { name, path };
}

/** Regular files only, sorted by code unit. What is there under the very name is meant, whatever characters it has. */
function expandGlob(pattern: string, directory: string): readonly string[] {
  if (isFile(pattern, directory)) return [pattern];
  return globSync(pattern, { cwd: directory })
    .filter((path) => isFile(path, directory))
    .map((path) => (pattern.startsWith('./') ? `.${join('/', path)}` : path))
    .sort();
}

function isFile(path: string, directory: string): boolean {
  return statSync(resolve(directory, path), { throwIfNoEntry: false })?.isFile() === true;
}
