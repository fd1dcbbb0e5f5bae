import * as z from 'zod/mini';
import { parseWith } from '../schema/index.ts';
import { digestSetSchema, type Statement } from '../statement/index.ts';

/** in-toto Reference v0.1 (spec/predicates/reference.md): points to documents about the subject, such as a large SBOM. */
export const referenceType = 'https://in-toto.io/attestation/reference/v0.1';

const text = z.string().check(z.minLength(1), z.maxLength(4096));

const referenceSchema = z.looseObject({
  attester: z.looseObject({ id: text }),
  references: z
    .array(
      z.looseObject({
        /** "downloadLocation and mediaType are REQUIRED"; without the digest the document could be any, so we want it too. */
        downloadLocation: text,
        mediaType: text,
        digest: digestSetSchema,
        name: z.optional(text),
      }),
    )
    .check(z.minLength(1), z.maxLength(1024)),
});

export type Reference = z.output<typeof referenceSchema>;

/** Reads the predicate of a reference statement. Faults: reference.field. */
export function parseReference(predicate: Statement['predicate']): Reference {
  return parseWith(referenceSchema, predicate, 'reference.field', 'reference predicate');
}
