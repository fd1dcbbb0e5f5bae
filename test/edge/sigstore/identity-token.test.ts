import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { Fault } from '../../../pipeline/core/index.ts';
import { githubIdentityToken, givenIdentityToken } from '../../../pipeline/edge/sigstore/index.ts';
import { openLoopbackSigstore } from '../../support/loopback-sigstore/index.ts';
import { faultOf, impatient } from './support.ts';

const at = new Date('2026-11-22T12:00:00Z');
const seconds = at.getTime() / 1000;

function jwt(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

function read(text: string): Promise<string> {
  return givenIdentityToken(text, () => at).readToken();
}

describe('a given identity token', () => {
  test('is passed on as it is, without the white space around it', async () => {
    const token = jwt({ sub: 'repo:acme/nodes', aud: 'sigstore', exp: seconds + 1 });
    expect(await read(` ${token}\n`)).toBe(token);
    expect(await read(jwt({ email: 'a@example.com', aud: ['x', 'sigstore'] }))).not.toBe('');
  });

  const cases = {
    'it expired at 2026-11-22T12:00:00.000Z': jwt({ sub: 'x', aud: 'sigstore', exp: seconds }),
    'it expired at no time': jwt({ sub: 'x', aud: 'sigstore', exp: -1e300 }),
    'its audience is not sigstore': jwt({ sub: 'x', aud: 'sigstore-staging' }),
    'it names no subject': jwt({ aud: 'sigstore' }),
    'it is no JSON Web Token': 'secret-that-is-no-token',
  };
  test.each(Object.entries(cases))('is refused: %s', async (problem, token) => {
    const fault = await faultOf(() => read(token));
    expect([fault.code, fault.message]).toEqual(['usage.identity-token', `Cannot use the identity token: ${problem}`]);
  });

  test.each([
    ['empty', ''],
    ['of two parts', 'eyJhIjoxfQ.eyJhIjoxfQ'],
    ['of four parts', `${jwt({ sub: 'x', aud: 'sigstore' })}.x`],
    ['with a line break in it', jwt({ sub: 'x', aud: 'sigstore' }).replace('.', '.\r\nX-Header: 1')],
    ['whose payload is no object', jwt(7)],
    ['whose claims have other types', jwt({ sub: { a: 1 }, aud: 'sigstore' })],
    ['of 64 KiB', jwt({ sub: 'x'.repeat(65536), aud: 'sigstore' })],
  ])('is refused when it is %s, in words that hold nothing of it', async (_, token) => {
    const fault = await faultOf(() => read(token));
    expect(fault.code).toBe('usage.identity-token');
    expect(fault.message.length).toBeLessThan(120);
    expect(fault.cause).toBeUndefined();
  });

  test('is passed on or refused, whatever it is', async () => {
    const strange = fc.oneof(fc.string(), fc.jsonValue().map(jwt));
    await fc.assert(
      fc.asyncProperty(strange, async (text) => {
        await read(text).catch((error: unknown) => expect(error).toBeInstanceOf(Fault));
      }),
    );
  });
});

describe("the token of a workflow's runner", () => {
  test('is missing outside of a workflow, and the fault says what to do', async () => {
    const fault = await faultOf(() =>
      githubIdentityToken({ requestUrl: undefined, requestToken: undefined }).readToken(),
    );
    expect(fault.code).toBe('usage.identity-token');
    expect(fault.next).toContain('id-token: write');
  });

  test('is asked for over TLS only, except within the machine', async () => {
    const endpoint = { requestUrl: 'http://runner.example/token', requestToken: 'bearer-secret' };
    expect((await faultOf(() => githubIdentityToken(endpoint, impatient).readToken())).code).toBe(
      'usage.identity-token',
    );
  });

  test.each([
    ['a wrong bearer token', undefined, 'signing.refused'],
    ['an answer without a token', { status: 200, body: '{"count":1}' }, 'signing.answer'],
    ['an answer that is no JSON', { status: 200, body: 'hello' }, 'signing.answer'],
    [
      'a token for somebody else',
      { status: 200, body: JSON.stringify({ value: jwt({ sub: 'x', aud: 'y' }) }) },
      'usage.identity-token',
    ],
    ['a broken runner', { status: 500, body: '{"message":"bearer-secret failed"}' }, 'network.status'],
    ['a redirection', { status: 302, body: '' }, 'signing.answer'],
    ['an endless answer', { status: 200, body: Buffer.alloc(5 << 20, 0x20) }, 'signing.answer'],
  ])('fails by name with %s', async (_, answer, code) => {
    await using sigstore = await openLoopbackSigstore();
    sigstore.override('ambient', answer);
    const endpoint = { ...sigstore.ambient, requestToken: 'bearer-secret' };
    const fault = await faultOf(() => githubIdentityToken(endpoint, impatient).readToken());
    expect(fault.code).toBe(code);
    expect(JSON.stringify([fault.message, fault.where, fault.next])).not.toContain('bearer-secret');
  });
});
