import { describe, expect, test } from 'vitest';
import { limits } from '../../../pipeline/core/index.ts';
import { parseJson } from '../../../pipeline/formats/json/index.ts';
import { parseStatement } from '../../../pipeline/formats/statement/index.ts';
import { faultOf } from '../../verify/vectors.ts';

describe('A JSON document', () => {
  test.for(['{}', '[]', '0'])('of millions of %s is refused before it takes memory', (value) => {
    const text = `[${`${value},`.repeat(3_000_000)}${value}]`;
    expect(faultOf(() => parseJson(text, 'document')).code).toBe('limit.json-values');
  });

  test('of as many values as the smallest documents have is read', () => {
    expect(parseJson(`[${'0,'.repeat(90_000)}0]`, 'document')).toHaveLength(90_001);
  });

  test('is not counted by what stands in its texts', () => {
    expect(parseJson(`["${'{},[:'.repeat(1_000_000)}"]`, 'document')).toHaveLength(1);
  });

  const object = (members: number) => `{${Array.from({ length: members }, (_, at) => `"${at}":0`).join()}}`;

  test('with an object of too many members is refused, wherever it stands', () => {
    expect(Object.keys(parseJson(object(limits.jsonMembers), 'document') as object)).toHaveLength(limits.jsonMembers);
    for (const text of [object(limits.jsonMembers + 1), `[[],{"a":[1,2,${object(limits.jsonMembers + 1)}]}]`])
      expect(faultOf(() => parseJson(text, 'document')).code).toBe('limit.json-members');
  });

  test('with small objects in a long list is read', () => {
    expect(parseJson(`[${'{"a":1,"b":2,"c":"some text of some length"},'.repeat(20_000)}0]`, 'document')).toHaveLength(
      20_001,
    );
  });

  test.for(['}}}}]]]]{"a":1', ']'.repeat(100), '[}{]', ',,,,,', '{"a":1}}'])(
    'whose brackets do not pair, %s, is none',
    (text) => {
      expect(faultOf(() => parseJson(text, 'document')).code).toBe('json.syntax');
    },
  );
});

describe('A digest set', () => {
  const statement = (digest: object) =>
    Buffer.from(
      JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', predicateType: 'a:b', subject: [{ digest }] }),
    );
  const sha256 = '0'.repeat(64);

  test('of thousands of algorithms is refused without looking at each', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`!${at}`, 'x']));
    expect(faultOf(() => parseStatement(statement(many))).message).toMatch(/too many algorithms/);
  });

  test('may name algorithms that are called like what every object has', () => {
    expect(parseStatement(statement({ sha256, constructor: 'ab', toString: 'cd' })).subject).toHaveLength(1);
  });
});
