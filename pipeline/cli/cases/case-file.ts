import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod/mini';
import { decodeUtf8, Fault, limits, within } from '../../core/index.ts';
import { readSmallFile } from '../../edge/files/index.ts';
import { parseWith, plainName, utcTime } from '../../formats/schema/index.ts';
import type { ImageSpec } from './image-shelf.ts';

/** A path of the node: absolute, without empty, `.` and `..` components, so that it stays inside the made-up root. */
const nodePath = z.string().check(
  z.maxLength(4096),
  z.regex(/^(?:\/[^/\0]+)+$/),
  z.refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'has a . or .. component'),
);
/** A file of ours, relative to the YAML file that names it. */
const filePath = z.string().check(z.minLength(1), z.maxLength(4096));
const text = z.string().check(z.maxLength(limits.caseFileBytes));
const sentence = z.string().check(z.minLength(1), z.maxLength(500));

const imageSchema = z.union([
  z.pipe(
    filePath,
    z.transform((file: string): ImageSpec => ({ file })),
  ),
  z.strictObject({ file: filePath, partition: z.string() }),
  z.strictObject({ file: filePath, inside: nodePath }),
]);

const replacementSchema = z.strictObject({
  file: nodePath,
  /** A regular expression that must match; the case's own words, not an attacker's. */
  pattern: z.string().check(z.minLength(1), z.maxLength(1000), z.refine(isPattern, 'not a regular expression')),
  with: text,
});

const version = z.int().check(z.positive());

/** What both files may say: base.yaml for all cases of its directory, case.yaml for one. */
const situation = {
  /** Images at their paths on the node. */
  images: z._default(z.record(nodePath, imageSchema), {}),
  /** Symbolic links, path to target. */
  links: z._default(z.record(nodePath, z.string().check(z.minLength(1), z.maxLength(4096))), {}),
  /** A trust pack; null for none. */
  pack: z.optional(z.nullable(filePath)),
  /** Bundles, trusted roots and public keys beside the pack. */
  bundles: z.optional(z.array(filePath)),
  trustedRoots: z.optional(z.array(filePath)),
  publicKeys: z.optional(z.array(filePath)),
  /** The time that is judged at. */
  at: z.optional(utcTime),
};

const baseSchema = z.strictObject({
  ...situation,
  policy: filePath,
  /** A directory with the honest node's small files. */
  root: z.optional(filePath),
});

const caseSchema = z.strictObject({
  ...situation,
  title: sentence,
  /** What somebody gains if this is admitted, or loses if it is refused, in one sentence. */
  threat: sentence,
  /** Files and directories that this node does not have. */
  remove: z._default(z.array(nodePath), []),
  files: z._default(z.record(nodePath, text), {}),
  append: z._default(z.record(nodePath, text), {}),
  replace: z._default(z.array(replacementSchema), []),
  /** Changes to the base policy, merged into it field by field; a list replaces a list, null takes a field away. */
  policy: z._default(z.record(z.string(), z.unknown()), {}),
  /** What was accepted on this node before. */
  state: z.optional(
    z.strictObject({
      policyVersions: z._default(z.record(plainName, version), {}),
      packVersions: z._default(z.record(plainName, version), {}),
      newestTime: z._default(z.nullable(utcTime), null),
    }),
  ),
  /** An artifact or digest to verify, instead of a node. */
  subject: z.optional(z.union([z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/)), imageSchema])),
  expect: z.strictObject({
    verdict: z.enum(['admit', 'refuse']),
    exit: z.int().check(z.minimum(0), z.maximum(70)),
    /** Codes that must all be among the findings, the one that tells the case first. */
    findings: z._default(z.array(z.string().check(z.regex(/^[a-z0-9-]+\.[a-z0-9-]+$/))), []),
  }),
});

export type Base = z.output<typeof baseSchema>;
export type CaseFile = z.output<typeof caseSchema>;

/** A case with the base it changes; every path of ours is absolute. */
export type Case = {
  readonly name: string;
  readonly directory: string;
  readonly base: Base;
  readonly file: CaseFile;
};

/**
 * Reads the cases of a directory: base.yaml beside folders with a case.yaml.
 * Faults: config.case (a file that cannot be used, no case at all), file.*.
 */
export function loadCases(directory: string): readonly Case[] {
  const base = loadBase(join(directory, 'base.yaml'));
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(directory, entry.name, 'case.yaml')))
    .map((entry) => entry.name)
    .sort();
  if (names.length === 0 || names.length > limits.cases)
    throw new Fault(
      'config.case',
      `Cannot test ${directory}: ${names.length} folders with a case.yaml, want 1 to ${limits.cases}`,
      { where: directory },
    );
  return names.map((name) => loadCase(join(directory, name), base));
}

function loadBase(path: string): Base {
  const base = parseYamlFile(baseSchema, path);
  const from = placedIn(dirname(path));
  return {
    ...base,
    ...placeSituation(base, from),
    policy: from.file(base.policy),
    ...(base.root === undefined ? {} : { root: from.file(base.root) }),
  };
}

function loadCase(directory: string, base: Base): Case {
  const file = parseYamlFile(caseSchema, join(directory, 'case.yaml'));
  const from = placedIn(directory);
  const { subject } = file;
  return Object.freeze({
    name: basename(directory),
    directory,
    base,
    file: {
      ...file,
      ...placeSituation(file, from),
      ...(subject === undefined || typeof subject === 'string' ? {} : { subject: from.image(subject) }),
    },
  });
}

type Placing = { readonly file: (path: string) => string; readonly image: (spec: ImageSpec) => ImageSpec };

function placedIn(directory: string): Placing {
  const file = (path: string) => resolve(directory, path);
  return { file, image: (spec) => ({ ...spec, file: file(spec.file) }) };
}

type Situation = Pick<Base, 'images' | 'pack' | 'bundles' | 'trustedRoots' | 'publicKeys'>;

function placeSituation({ images, pack, bundles, trustedRoots, publicKeys }: Situation, from: Placing): Situation {
  return {
    images: Object.fromEntries(Object.entries(images).map(([path, spec]) => [path, from.image(spec)])),
    ...(pack === undefined ? {} : { pack: pack === null ? null : from.file(pack) }),
    ...(bundles === undefined ? {} : { bundles: bundles.map(from.file) }),
    ...(trustedRoots === undefined ? {} : { trustedRoots: trustedRoots.map(from.file) }),
    ...(publicKeys === undefined ? {} : { publicKeys: publicKeys.map(from.file) }),
  };
}

/** Reads a YAML file of ours: one document without aliases. Faults: config.case, file.*. */
export function readYamlFile(path: string): unknown {
  const text = decodeUtf8(readSmallFile(path, limits.caseFileBytes), path);
  try {
    const document = parseDocument(text, { version: '1.2', uniqueKeys: true, strict: true, prettyErrors: false });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    const problem = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Fault('config.case', `Cannot read ${path}: ${problem}`, { where: path, cause });
  }
}

function parseYamlFile<T extends z.ZodMiniType>(schema: T, path: string): z.output<T> {
  return within(path, () =>
    parseWith(schema, readYamlFile(path), 'config.case', 'case', 'Its fields are described in samples/demo/README.md'),
  );
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'm') instanceof RegExp;
  } catch {
    return false;
  }
}
