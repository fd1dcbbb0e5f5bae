import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, limits, within } from '../core/index.ts';
import { readSmallFile } from '../edge/files/index.ts';
import { plainName } from '../formats/schema/index.ts';
import type { World } from './world.ts';

/** Where relative paths start. */
type Place = Pick<World, 'directory'>;

/** Reads an input file that must not be larger than a cap. Faults: file.*, with the path as it was given. */
export function readInput(world: Place, path: string, maxBytes: number): Uint8Array {
  return readSmallFile(resolve(world.directory, path), maxBytes);
}

/** As readInput, of a file that is the user's own word: a policy, a key, settings. One too large is exit 2. Faults: config.size, file.*. */
export function readConfiguration(world: World, path: string, maxBytes: number): Uint8Array {
  try {
    return readInput(world, path, maxBytes);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'limit.file-bytes') throw error;
    throw new Fault('config.size', `Cannot use ${path}: more than ${maxBytes} bytes`, { where: path, cause: error });
  }
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;

/** RFC 3339 in UTC, as every document of ours writes times. A day that no month has is refused. Fault: usage.time. */
export function parseTime(text: string, option: string): Date {
  const time = new Date(text);
  if (!rfc3339.test(text) || Number.isNaN(time.getTime()) || time.toISOString().slice(0, 10) !== text.slice(0, 10)) {
    throw new Fault(
      'usage.time',
      `Cannot read --${option} ${JSON.stringify(text)}: want a time such as 2027-01-31T00:00:00Z`,
    );
  }
  return time;
}

/** The end of something's validity, which must lie after its start. Faults: usage.time. */
export function parseEnd(text: string, option: string, start: Date): string {
  const end = parseTime(text, option);
  if (end > start) return end.toISOString().replace('.000Z', 'Z');
  throw new Fault(
    'usage.time',
    `Cannot use --${option} ${text}: it is not after ${start.toISOString()}, when this is issued`,
  );
}

/** A name that begins the names of files and is a word of policies. Faults: usage.name, usage.role … after the option. */
export function parseName(text: string, option: string): string {
  if (plainName.safeParse(text).success) return text;
  throw new Fault(
    `usage.${option}`,
    `Cannot use --${option} ${JSON.stringify(text.slice(0, 140))}: want letters, digits, . _ + @ and -, at most 128, the first a letter or digit`,
  );
}

/** Places a fault in the file that it is about. */
export function inFile<T>(path: string, step: () => T): T {
  return within(path, step);
}

export type NumberedLine = { readonly number: number; readonly line: Uint8Array };

/** The lines of a file of JSON lines, counted from 1, those without any character but white space left out. Fault: limit.bundle-lines. */
export function splitLines(bytes: Uint8Array): readonly NumberedLine[] {
  const lines: NumberedLine[] = [];
  let number = 0;
  for (let start = 0; start < bytes.byteLength; number++) {
    const end = bytes.indexOf(newline, start);
    const line = bytes.subarray(start, end < 0 ? bytes.byteLength : end);
    start += line.byteLength + 1;
    if (line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)) continue;
    lines.push({ number: number + 1, line });
    if (lines.length > limits.bundleLines)
      throw new Fault('limit.bundle-lines', `Cannot read the lines: more than ${limits.bundleLines}`);
  }
  return lines;
}

const newline = 0x0a;

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
  upstream: limits.checksumListBytes,
} as const;

const directoryFiles = 10_000;

/** The names in a directory, sorted by code unit. Faults: file.missing, limit.directory. */
export function listDirectory(world: Place, directory: string): readonly string[] {
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
