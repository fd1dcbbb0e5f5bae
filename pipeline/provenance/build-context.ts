import * as z from 'zod/mini';
import { Fault } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith, sha256Hex, utcTime } from '../formats/schema/index.ts';
import { digestSetSchema } from '../formats/statement/index.ts';

/** The builder of a set that was made outside CI: nobody vouches for it, so every policy treats it as SLSA level 0. */
export const localBuilderId = 'https://nodeproof.dev/builder/local';

const text = z.string().check(z.minLength(1), z.maxLength(2048));
const gitObject = z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/));

const parameters = z.record(
  z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/)),
  z.union([text, z.boolean(), z.int(), z.array(text).check(z.maxLength(256))]),
);

const dependency = z.strictObject({
  uri: text,
  digest: digestSetSchema,
  name: z.optional(text),
});

/**
 * What the one who runs the build knows and the bytes do not tell (`--build-context FILE`). Nothing here is checked by
 * nodeproof: it is said in the provenance by whoever signs it, and marked so.
 */
export const buildContextSchema = z.strictObject({
  builderId: z.url({ protocol: /^https$/ }),
  builderVersion: z.optional(z.record(text, text)),
  source: z.optional(
    z.strictObject({ repository: z.url({ protocol: /^https$/ }), commit: gitObject, ref: z.optional(text) }),
  ),
  invocationId: z.optional(text),
  startedOn: z.optional(utcTime),
  finishedOn: z.optional(utcTime),
  externalParameters: z._default(parameters, {}),
  internalParameters: z._default(parameters, {}),
  sdkImage: z.optional(z.strictObject({ uri: text, digest: z.strictObject({ sha256: sha256Hex }) })),
  dependencies: z._default(z.array(dependency).check(z.maxLength(1024)), []),
});

export type BuildContext = z.output<typeof buildContextSchema>;

/** Bytes of a build context file: some parameters and at most 1024 dependencies. */
export const buildContextBytes = 1024 * 1024;

/** Reads a build context file. Faults: config.build-context, with the field. */
export function parseBuildContext(bytes: Uint8Array): BuildContext {
  const what = 'build context';
  const next = 'Its fields are described in pipeline/provenance/README.md';
  return parseWith(buildContextSchema, parseContextJson(bytes, what, next), 'config.build-context', what, next);
}

/** A configuration is our own input: what is wrong with its JSON is a fault of configuration. */
function parseContextJson(bytes: Uint8Array, what: string, next: string): unknown {
  try {
    return parseJsonBytes(bytes, what, buildContextBytes);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('config.build-context', error.message, {
      next,
      cause: error,
      ...(error.where === undefined ? {} : { where: error.where }),
    });
  }
}

/** The context of a set made by hand. */
export const localBuildContext: BuildContext = {
  builderId: localBuilderId,
  externalParameters: {},
  internalParameters: {},
  dependencies: [],
};
