import * as z from 'zod/mini';
import { canonicalText, Fault } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith, sha256Hex, utcTime } from '../formats/schema/index.ts';
import { digestSetSchema } from '../formats/statement/index.ts';

/** The builder of a set that was made outside CI: nobody vouches for it, so every policy treats it as SLSA level 0. */
export const localBuilderId = 'https://nodeproof.dev/builder/local';

const text = z.string().check(z.minLength(1), z.maxLength(2048));
const gitObject = z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/));

const parameterName = z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/));

/** Texts and numbers; texts may stand together under one name, as GitHub's `workflow: {ref, repository, path}` do. */
const parameters = z.record(
  parameterName,
  z.union([text, z.boolean(), z.int(), z.array(text).check(z.maxLength(256)), z.record(parameterName, text)]),
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

/** Where the run itself says who builds, the file need not. */
const addedContextSchema = z.extend(buildContextSchema, { builderId: z.optional(buildContextSchema.shape.builderId) });

/** Bytes of a build context file: some parameters and at most 1024 dependencies. */
export const buildContextBytes = 1024 * 1024;

/**
 * Reads a build context file. Faults: config.build-context, with the field; config.github-context where it contradicts the run.
 *
 * @param run the context that the run itself has, as in GitHub Actions: the file adds to it and overrides nothing in it
 */
export function parseBuildContext(bytes: Uint8Array, run?: BuildContext): BuildContext {
  const json = parseContextJson(bytes, what, next);
  if (run === undefined) return parseWith(buildContextSchema, json, 'config.build-context', what, next);
  return addContext(run, parseWith(addedContextSchema, json, 'config.build-context', what, next));
}

const what = 'build context';
const next = 'Its fields are described in pipeline/provenance/README.md';

/** Who built, of what and in which run is the run's to say: a file that says otherwise is refused. */
function addContext(run: BuildContext, added: z.output<typeof addedContextSchema>): BuildContext {
  const { builderId, source, invocationId, externalParameters, internalParameters, ...more } = added;
  refuseOther('builderId', run.builderId, builderId);
  refuseOther('source.repository', run.source?.repository, source?.repository);
  refuseOther('source.commit', run.source?.commit, source?.commit);
  refuseOther('source.ref', run.source?.ref, source?.ref);
  refuseOther('invocationId', run.invocationId, invocationId);
  return {
    ...run,
    ...more,
    externalParameters: addParameters('externalParameters', run.externalParameters, externalParameters),
    internalParameters: addParameters('internalParameters', run.internalParameters, internalParameters),
    dependencies: [...run.dependencies, ...more.dependencies],
  };
}

type Parameters = BuildContext['externalParameters'];

function addParameters(field: string, run: Parameters, added: Parameters): Parameters {
  for (const [name, value] of Object.entries(added))
    if (Object.hasOwn(run, name))
      refuseOther(`${field}.${name}`, canonicalText(run[name] ?? null), canonicalText(value));
  return { ...added, ...run };
}

function refuseOther(field: string, run: string | undefined, added: string | undefined): void {
  if (added === undefined || added === run) return;
  throw new Fault(
    'config.github-context',
    `Cannot use the build context: ${field} is ${added.slice(0, 200)}, want ${run?.slice(0, 200) ?? 'none'} as this run has it`,
    { where: field, next: 'Leave the field away: in GitHub Actions the run says who built, of what and in which run' },
  );
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
