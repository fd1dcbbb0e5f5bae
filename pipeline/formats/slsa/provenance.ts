import * as z from 'zod/mini';
import { limits } from '../../core/index.ts';
import { parseWith } from '../schema/index.ts';
import { resourceDescriptorSchema, type Statement } from '../statement/index.ts';

/** SLSA provenance v1 (slsa.dev/spec/v1.2/provenance, schema unchanged since v1.0). */
export const provenanceType = 'https://slsa.dev/provenance/v1';

const text = z.string().check(z.maxLength(4096));
const uri = text.check(z.regex(/^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/));
/** RFC 3339 with any offset: foreign builders write their own. */
const timestamp = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/));
const resources = z.array(resourceDescriptorSchema).check(z.maxLength(limits.provenanceResources));
const parameters = z.record(z.string(), z.unknown());

/**
 * Unknown fields are extension fields (§ Extension fields) and ignored, as the parsing rules demand. `externalParameters`
 * are kept whole: "verifiers SHOULD reject unrecognized fields" in them, which the policy does.
 */
const provenanceSchema = z.looseObject({
  buildDefinition: z.looseObject({
    buildType: uri,
    externalParameters: parameters,
    internalParameters: z.optional(parameters),
    resolvedDependencies: z.optional(resources),
  }),
  runDetails: z.looseObject({
    builder: z.looseObject({
      id: uri,
      builderDependencies: z.optional(resources),
      version: z.optional(z.record(z.string(), text)),
    }),
    metadata: z.optional(
      z.looseObject({
        invocationId: z.optional(text),
        startedOn: z.optional(timestamp),
        finishedOn: z.optional(timestamp),
      }),
    ),
    byproducts: z.optional(resources),
  }),
});

export type Provenance = z.output<typeof provenanceSchema>;

/** Reads the predicate of a provenance statement. Faults: provenance.field. */
export function parseProvenance(predicate: Statement['predicate']): Provenance {
  return parseWith(provenanceSchema, predicate, 'provenance.field', 'SLSA provenance');
}

/** The commits of the sources that the provenance says were built: dependencies whose digest is a git commit. */
export function sourceCommits(provenance: Provenance): readonly string[] {
  const dependencies = provenance.buildDefinition.resolvedDependencies ?? [];
  return dependencies.flatMap((dependency) => dependency.digest?.['gitCommit'] ?? []);
}
