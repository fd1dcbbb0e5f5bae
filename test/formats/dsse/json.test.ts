import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { decodeBase64, parseJson, parseJsonBytes } from '../../../pipeline/formats/json/index.ts';
import { faultOf } from '../../verify/vectors.ts';

describe('JSON', () => {
  test('that is well formed reads as every reader reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2), (value, space) => {
        const text = JSON.stringify(value, null, space);
        if (/"__proto__"|-0|\\u/.test(text)) return;
        expect(parseJson(text, 'test')).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['json.duplicate-key', '{"a":1,"a":1}'],
    ['json.duplicate-key', '{"a":1,"\\u0061":2}'],
    ['json.duplicate-key', '{"x":[{"b":{}},{"a":"\\"a\\":","b" : 1, "b"\n:2}]}'],
    ['json.duplicate-key', '{"":1,"":2}'],
    ['json.key', '{"__proto__":{"admit":true}}'],
    ['json.key', '{"\\u005f_proto__":1}'],
    ['json.number', '[1e400]'],
    ['json.text', '"\\ud800"'],
    ['json.text', '{"\\udc00":1}'],
    ['json.syntax', ''],
    ['json.syntax', '{"a":1,}'],
    ['json.syntax', "{'a':1}"],
    ['json.syntax', '{"a":1} {"b":2}'],
    ['json.syntax', '\ufeff{}'],
    ['json.syntax', '"\n"'],
    ['json.syntax', '"open'],
    ['limit.json-depth', '['.repeat(limits.jsonDepth + 1)],
    ['limit.json-depth', '{"a":'.repeat(100_000)],
  ])('is refused with %s: %s', (code, text) => {
    expect(faultOf(() => parseJson(text, 'test')).code).toBe(code);
  });

  test('names the key that stands twice', () => {
    const fault = faultOf(() => parseJson('{"one":{"two":1},"two":[{"three":1,"four":2,"three":3}]}', 'statement'));
    expect(fault.message).toBe('Cannot read statement: the key "three" stands twice in one object');
  });

  test('may use one key in different objects, and texts that look like keys', () => {
    const text = '{"a":{"a":[{"a":1},{"a":2}]},"b":"\\"a\\":1,\\"a\\":2","c":"\\\\"}';
    expect(parseJson(text, 'test')).toEqual(JSON.parse(text));
  });

  test('of any text is a value or a fault', () => {
    const tokens = fc.array(fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', 'a', '1', ' ', 'null'), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          tokens.map((list) => list.join('')),
        ),
        (text) => {
          try {
            parseJson(text, 'test');
            JSON.parse(text);
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('from bytes is UTF-8 of bounded size', () => {
    expect(faultOf(() => parseJsonBytes(Buffer.from([0x22, 0xff, 0x22]), 'test', 10)).code).toBe('bytes.utf8');
    expect(faultOf(() => parseJsonBytes(Buffer.from('[1,2,3,4,5]'), 'test', 10)).code).toBe('limit.json');
    expect(faultOf(() => parseJsonBytes(Buffer.from('\ufeff[]'), 'test', 10)).code).toBe('json.syntax');
    expect(parseJsonBytes(Buffer.from('["ä"]'), 'test', 10)).toEqual(['ä']);
  });
});

describe('base64', () => {
  test('has one form for each value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(decodeBase64(Buffer.from(bytes).toString('base64'), 'test')).toEqual(Buffer.from(bytes));
      }),
    );
    for (const text of ['YQ', 'YR==', 'YQ==\n', ' YQ==', 'YQ=', '_-8=', 'Y*Q=', 'YQ==YQ==']) {
      expect(faultOf(() => decodeBase64(text, 'test')).code).toBe('base64.form');
    }
  });
});
