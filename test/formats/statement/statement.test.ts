import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digest, Fault, limits } from '../../../pipeline/core/index.ts';
import { parseStatement, subjectsOf } from '../../../pipeline/formats/statement/index.ts';
import { faultOf } from '../../verify/vectors.ts';

const sha256 = 'ab'.repeat(32);
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'kubernetes.raw', digest: { sha256, gitCommit: '1'.repeat(40) } }],
  predicateType: 'https://example.com/predicate/v1',
  predicate: { a: 1 },
};

function parse(changes: object) {
  return parseStatement(Buffer.from(JSON.stringify({ ...statement, ...changes })));
}

describe('a statement', () => {
  test('is read with its subjects and its predicate as it is', () => {
    expect(parse({})).toEqual(statement);
    expect(parse({ predicate: undefined }).predicate).toEqual({});
    expect(parse({ _type: 'https://in-toto.io/Statement/v0.1' }).predicateType).toBe(statement.predicateType);
  });

  test('may have fields that we do not know, which nobody reads', () => {
    expect(parse({ extra: 1 })).toEqual(statement);
  });

  test.each<[string, string, object]>([
    ['another type', 'statement.type', { _type: 'https://in-toto.io/Statement/v2' }],
    ['no type', 'statement.field', { _type: undefined }],
    ['a type that is no text', 'statement.field', { _type: 1 }],
    ['no subject', 'statement.field', { subject: [] }],
    ['a subject without digest', 'statement.field', { subject: [{ name: 'x' }] }],
    ['an empty digest set', 'statement.field', { subject: [{ digest: {} }] }],
    ['a digest in capitals', 'statement.field', { subject: [{ digest: { sha256: sha256.toUpperCase() } }] }],
    ['a digest that is too short', 'statement.field', { subject: [{ digest: { sha256: 'ab' } }] }],
    ['a digest that is no text', 'statement.field', { subject: [{ digest: { sha256: 1 } }] }],
    ['a predicate type that is no URI', 'statement.field', { predicateType: 'provenance' }],
    ['a predicate that is a list', 'statement.field', { predicate: [] }],
    [
      'too many subjects',
      'statement.field',
      { subject: Array.from({ length: limits.statementSubjects + 1 }, () => statement.subject[0]) },
    ],
  ])('with %s is refused with %s', (_, code, changes) => {
    expect(faultOf(() => parse(changes)).code).toBe(code);
  });

  test('with a key that stands twice is refused', () => {
    const text = JSON.stringify(statement).replace('"predicate":', '"subject":[],"predicate":');
    expect(faultOf(() => parseStatement(Buffer.from(text))).code).toBe('json.duplicate-key');
  });

  test('of any bytes is a statement or a fault', () => {
    const whole = Buffer.from(JSON.stringify(statement));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.uint8Array({ maxLength: 4 }), (at, bytes) => {
        try {
          parseStatement(Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)]));
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a subject', () => {
  test('matches by its digest only', () => {
    const read = parse({ subject: [{ digest: { sha256: '0'.repeat(64) } }, ...statement.subject] });
    expect(subjectsOf(read, Digest.fromHex('sha256', sha256))).toMatchObject([{ name: 'kubernetes.raw' }]);
    expect(subjectsOf(read, Digest.fromHex('sha256', '1'.repeat(64)))).toEqual([]);
  });

  test('keeps digests of algorithms that we do not know, and never matches by them', () => {
    const read = parse({ subject: [{ digest: { blake2b: 'anything at all', sha1: 'a'.repeat(40) } }] });
    expect(read.subject[0]?.digest).toEqual({ blake2b: 'anything at all', sha1: 'a'.repeat(40) });
    expect(subjectsOf(read, Digest.fromHex('sha1', 'a'.repeat(40)))).toEqual([]);
  });

  test('does not match by another algorithm’s digest of the same digits', () => {
    const read = parse({ subject: [{ digest: { sha3_256: sha256 } }] });
    expect(subjectsOf(read, Digest.fromHex('sha256', sha256))).toEqual([]);
  });
});
