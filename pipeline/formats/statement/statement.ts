import * as z from 'zod/mini';
import { type Digest, Fault, type Json, limits } from '../../core/index.ts';
import { parseJsonBytes, quoteText } from '../json/index.ts';
import { parseWith } from '../schema/index.ts';
import { digestSetSchema, matchesDigest } from './digest-set.ts';
import { resourceFields } from './resource-descriptor.ts';

/** in-toto Statement v1 (spec/v1/statement.md). */
export const statementType = 'https://in-toto.io/Statement/v1';
/** The version before it, same fields: read, never written. */
const readableTypes = [statementType, 'https://in-toto.io/Statement/v0.1'] as const;

/** A URI of any scheme, as TypeURI wants it; it is compared as a whole. */
const typeUri = z.string().check(z.regex(/^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]{1,1000}$/));

/** "digest is REQUIRED" for a subject; subjects match by digest only, names are for people (statement.md, `subject`). */
const subjectSchema = z.looseObject({ ...resourceFields, digest: digestSetSchema });

/**
 * Unknown fields beside these are ignored, as the parsing rules of the framework demand (spec/v1/README.md); none of them
 * is ever read. `predicate` is the business of the predicate's own schema.
 */
const statementSchema = z.looseObject({
  _type: z.enum(readableTypes),
  subject: z.array(subjectSchema).check(z.minLength(1), z.maxLength(limits.statementSubjects)),
  predicateType: typeUri,
  predicate: z.optional(z.record(z.string(), z.unknown())),
});

export type Subject = Readonly<z.output<typeof subjectSchema>>;

export type Statement = {
  readonly _type: (typeof readableTypes)[number];
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  /** Absent in the statement: an empty object. */
  readonly predicate: { readonly [field: string]: Json };
};

/**
 * Reads a statement from the payload of an envelope.
 * Faults: statement.type (another `_type`), statement.field, json.*, bytes.utf8, limit.json.
 */
export function parseStatement(payload: Uint8Array): Statement {
  const document = parseJsonBytes(payload, 'statement', limits.statementBytes);
  checkType(document);
  const statement = parseWith(statementSchema, document, 'statement.field', 'statement');
  return Object.freeze({
    _type: statement._type,
    subject: statement.subject,
    predicateType: statement.predicateType,
    predicate: (statement.predicate ?? {}) as Statement['predicate'],
  });
}

/** The subjects that have this digest. */
export function subjectsOf(statement: Statement, digest: Digest): readonly Subject[] {
  return statement.subject.filter((subject) => matchesDigest(subject.digest, digest));
}

/** Another statement type has its own code: the bundle may be sound, and be about something else. */
function checkType(document: Json): void {
  const type = typeof document === 'object' && document !== null && '_type' in document ? document['_type'] : undefined;
  if (typeof type !== 'string' || readableTypes.some((readable) => readable === type)) return;
  throw new Fault('statement.type', `Cannot read statement: _type is ${quoteText(type)}, want ${statementType}`, {
    where: '_type',
  });
}
