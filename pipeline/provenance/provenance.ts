import * as z from 'zod/mini';
import { Fault, limits } from '../core/index.ts';
import type { Provenance } from '../formats/slsa/index.ts';
import type { ResourceDescriptor } from '../formats/statement/index.ts';
import type { BuildContext } from './build-context.ts';

/** How a release is made out of an image, extensions and files; README.md beside this file describes its parameters. */
export const nodeSetBuildType = 'https://nodeproof.dev/buildtypes/node-set/v1';

const text = z.string().check(z.minLength(1), z.maxLength(512));

/** All external parameters that this build type has. `context` holds what the build context file said, as it said it. */
const externalParametersSchema = z.strictObject({
  nodeSet: text,
  role: z.nullable(text),
  image: z.nullable(text),
  shipped: z.nullable(text),
  sysexts: z.array(z.strictObject({ name: text, file: text })).check(z.maxLength(1024)),
  without: z.array(text).check(z.maxLength(1024)),
  /** Absent before there were any. */
  files: z.optional(z.array(text).check(z.maxLength(limits.attestedFiles))),
  context: z.record(z.string(), z.unknown()),
});

export type ExternalParameters = z.output<typeof externalParametersSchema>;

/** The first problem of foreign external parameters; undefined where there is none. */
export function checkExternalParameters(value: unknown): string | undefined {
  const outcome = externalParametersSchema.safeParse(value);
  if (outcome.success) return undefined;
  const [issue] = outcome.error.issues;
  if (issue === undefined) return 'not of this build type';
  return issue.code === 'unrecognized_keys'
    ? `unknown parameter ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
    : `parameter ${issue.path.join('.')} is not of this build type`;
}

export type ProvenanceInput = {
  readonly context: BuildContext;
  readonly parameters: Omit<ExternalParameters, 'context'>;
  /** Upstream files with who vouches for them. */
  readonly dependencies: readonly ResourceDescriptor[];
  readonly byproducts: readonly ResourceDescriptor[];
  readonly nodeproofVersion: string;
};

/**
 * Builds the SLSA provenance predicate (slsa.dev/spec/v1.2/provenance, BuildDefinition and RunDetails).
 * Fault: limit.dependencies.
 */
export function buildProvenance({
  context,
  parameters,
  dependencies,
  byproducts,
  nodeproofVersion,
}: ProvenanceInput): Provenance {
  const resolvedDependencies = [...contextDependencies(context), ...dependencies];
  if (resolvedDependencies.length > limits.provenanceResources)
    throw new Fault(
      'limit.dependencies',
      `Cannot write the provenance: ${resolvedDependencies.length} dependencies, want at most ${limits.provenanceResources}`,
    );
  return {
    buildDefinition: {
      buildType: nodeSetBuildType,
      externalParameters: { ...parameters, context: context.externalParameters } satisfies ExternalParameters,
      ...(Object.keys(context.internalParameters).length === 0
        ? {}
        : { internalParameters: context.internalParameters }),
      resolvedDependencies,
    },
    runDetails: {
      builder: { id: context.builderId, version: { ...context.builderVersion, nodeproof: nodeproofVersion } },
      ...buildMetadata(context),
      byproducts: [...byproducts],
    },
  };
}

function buildMetadata({
  invocationId,
  startedOn,
  finishedOn,
}: BuildContext): Pick<Provenance['runDetails'], 'metadata'> {
  const metadata = {
    ...(invocationId === undefined ? {} : { invocationId }),
    ...(startedOn === undefined ? {} : { startedOn }),
    ...(finishedOn === undefined ? {} : { finishedOn }),
  };
  return Object.keys(metadata).length === 0 ? {} : { metadata };
}

/** What came in from outside and was not checked says so: the signer vouches for it, nodeproof does not. */
const unverified = { nodeproof_verified: false } as const;

function contextDependencies({ source, sdkImage, dependencies }: BuildContext): readonly ResourceDescriptor[] {
  return [
    ...(source === undefined
      ? []
      : [
          {
            uri: `git+${source.repository}${source.ref === undefined ? '' : `@${source.ref}`}`,
            digest: { gitCommit: source.commit },
            annotations: unverified,
          },
        ]),
    ...(sdkImage === undefined
      ? []
      : [{ name: 'sdk-image', uri: sdkImage.uri, digest: sdkImage.digest, annotations: unverified }]),
    ...dependencies.map((dependency) => ({
      uri: dependency.uri,
      digest: dependency.digest,
      annotations: unverified,
      ...(dependency.name === undefined ? {} : { name: dependency.name }),
    })),
  ];
}
