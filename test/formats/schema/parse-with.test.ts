import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { Fault } from '../../../pipeline/core/index.ts';
import { parseWith, plainName, sha256Hex, utcTime } from '../../../pipeline/formats/schema/index.ts';

const schema = z.strictObject({
  name: plainName,
  list: z.array(z.strictObject({ sha256: sha256Hex })).check(z.maxLength(2)),
  at: z.optional(utcTime),
  kind: z.enum(['a', 'b']),
});

const good = { name: 'demo', list: [], kind: 'a' };
const messageOf = (value: unknown): string => {
  try {
    parseWith(schema, value, 'policy.field', 'policy');
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
  return 'no fault';
};

describe('a document read with a schema', () => {
  it('comes back typed', () => {
    expect(parseWith(schema, good, 'policy.field', 'policy')).toEqual(good);
  });

  it.each([
    [{ ...good, name: undefined }, 'Cannot read policy: name: missing, want string'],
    [{ ...good, name: 'a b' }, 'name: not in the form'],
    [{ ...good, list: [{ sha256: 'x' }] }, 'list[0].sha256: not in the form'],
    [{ ...good, kind: 'c' }, 'kind: want "a" or "b"'],
    [{ ...good, extra: 1 }, 'top level: unknown field "extra"'],
    [{ ...good, at: '2026-13-01T00:00:00Z' }, 'at: no such time'],
    [{ ...good, list: [1] }, 'list[0]: want object'],
    [{ ...good, list: [1, 2, 3] }, 'list: too large, want at most 2'],
    [null, 'top level: want object'],
  ])('tells the field that is wrong: %j', (value, message) => {
    expect(messageOf(value)).toContain(message);
  });

  it('tells five problems and counts the rest', () => {
    const many = z.strictObject(Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`f${at}`, z.string()])));
    expect(() => parseWith(many, {}, 'policy.field', 'policy')).toThrow(/and 3 more$/);
  });
});
