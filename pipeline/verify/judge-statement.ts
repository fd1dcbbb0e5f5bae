import { Digest, type Finding } from '../core/index.ts';
import { type Statement, subjectsOf } from '../formats/statement/index.ts';
import { refuse } from './refuse.ts';
import type { Verified } from './verified.ts';

/** Judges what the statement says: the predicate type is compared whole. */
export function judgePredicateType(statement: Verified<Statement>, expected: string): readonly Finding[] {
  if (statement.predicateType === expected) return [];
  const next = 'Look for the bundle whose statement has the expected predicate type';
  return [refuse('statement.predicate-type', 'predicateType', statement.predicateType, expected, next)];
}

/** Judges what the statement is about: one of its subjects has this digest. Subjects match by digest only. */
export function judgeSubject(statement: Verified<Statement>, digest: Digest): readonly Finding[] {
  if (subjectsOf(statement, digest).length > 0) return [];
  const [first] = statement.subject;
  const hex = first?.digest[digest.algorithm];
  const more = statement.subject.length > 1 ? ` and ${statement.subject.length - 1} more` : '';
  const actual = `${hex === undefined ? (first?.name ?? 'a subject') : `${digest.algorithm}:${hex}`}${more}`;
  const next = 'Look for the bundle that names this digest';
  return [refuse('statement.subject', 'subject', actual, Digest.format(digest), next)];
}
