import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, limits, within } from '../core/index.ts';
import { readSmallFile } from '../edge/files/index.ts';
import type { World } from './world.ts';

/** Reads an input file that must not be larger than a cap. Faults: file.*, with the path as it was given. */
export function readInput(world: World, path: string, maxBytes: number): Uint8Array {
  return readSmallFile(resolve(world.directory, path), maxBytes);
}

/** RFC 3339 in UTC, as every document of ours writes times. Fault: usage.time. */
export function parseTime(text: string, option: string): Date {
  const time = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/.test(text) || Number.isNaN(time.getTime())) {
    throw new Fault(
      'usage.time',
      `Cannot read --${option} ${JSON.stringify(text)}: want a time such as 2027-01-31T00:00:00Z`,
    );
  }
  return time;
}

/** Places a fault in the file that it is about. */
export function inFile<T>(path: string, step: () => T): T {
  return within(path, step);
}

export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Runs a parser of another's bytes so that its faults count as our own configuration: exit 2. */
export function asConfiguration<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const where = error.where === undefined ? path : `${path}: ${error.where}`;
    throw new Fault(`config.${error.code.replace('.', '-')}`, error.message, {
      where,
      cause: error,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

export const inputLimits = {
  pem: limits.pemBytes,
  buildContext: 1024 * 1024,
  upstream: limits.checksumListBytes,
} as const;

const directoryFiles = 10_000;

/** The names in a directory, sorted by code unit. Faults: file.missing, limit.directory. */
export function listDirectory(world: World, directory: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(resolve(world.directory, directory)).sort();
  } catch (cause) {
    throw new Fault('file.missing', `Cannot read the directory ${directory}`, { where: directory, cause });
  }
  if (names.length > directoryFiles)
    throw new Fault(
      'limit.directory',
      `Cannot read the directory ${directory}: ${names.length} files, want at most ${directoryFiles}`,
      { where: directory },
    );
  return names;
}
