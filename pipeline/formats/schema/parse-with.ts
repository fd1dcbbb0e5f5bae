import type * as z from 'zod/mini';
import { Fault, type FaultCode } from '../../core/index.ts';

/** Problems of one value that are told; the rest is counted. */
const toldProblems = 5;

/**
 * Checks a foreign value against a schema and returns it typed.
 * Faults: the given code, with each problem's field path in the message and the first one as the place.
 *
 * @param what what is read, for the message: `policy`, `node-set predicate`
 */
export function parseWith<S extends z.ZodMiniType>(
  schema: S,
  value: unknown,
  code: FaultCode,
  what: string,
  next?: string,
): z.output<S> {
  const outcome = schema.safeParse(value, { reportInput: true });
  if (outcome.success) return outcome.data;
  const problems = outcome.error.issues.map((issue) => `${fieldPath(issue.path)}: ${problemText(issue)}`);
  const told = problems.slice(0, toldProblems).join('; ');
  const more = problems.length > toldProblems ? `; and ${problems.length - toldProblems} more` : '';
  throw new Fault(code, `Cannot read ${what}: ${printable(told)}${more}`, {
    where: printable(fieldPath(outcome.error.issues[0]?.path ?? [])),
    ...(next === undefined ? {} : { next }),
  });
}

/** Field names come from the input: nothing in them may move a terminal's cursor or turn its text around. */
function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (unit) => `\\u{${unit.codePointAt(0)?.toString(16)}}`);
}

function fieldPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'top level';
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : at === 0 ? String(step) : `.${String(step)}`))
    .join('');
}

/** zod/mini ships no messages: this table is the only place that words them. */
function problemText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? `missing, want ${issue.expected}` : `want ${issue.expected}`;
    case 'invalid_value':
      return `want ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'unrecognized_keys':
      return `unknown field ${issue.keys.map((key) => JSON.stringify(key.slice(0, 60))).join(', ')}`;
    case 'too_big':
      return `too large, want at most ${issue.maximum}`;
    case 'too_small':
      return `too small, want at least ${issue.minimum}`;
    case 'invalid_format':
      return issue.pattern === undefined ? `not in the form of ${issue.format}` : `not in the form ${issue.pattern}`;
    case 'invalid_union':
      return unionText(issue);
    case 'invalid_key':
    case 'invalid_element':
      return 'invalid member';
    case 'not_multiple_of':
      return `want a multiple of ${issue.divisor}`;
    case 'custom':
      return issue.message === 'Invalid input' ? 'not allowed' : issue.message;
    default:
      return 'not allowed';
  }
}

function unionText(issue: z.core.$ZodIssueInvalidUnion): string {
  const branches = issue.errors.map((branch) => branch[0]).filter((first) => first !== undefined);
  const told = branches.map((first) =>
    first.path.length === 0 ? problemText(first) : `${fieldPath(first.path)}: ${problemText(first)}`,
  );
  return told.length === 0 ? 'none of the allowed forms' : [...new Set(told)].join(', or ');
}
