import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findCredentials, parseRepository } from '../../../pipeline/edge/store/index.ts';
import { buildPublication, type Publication } from '../../../pipeline/store/index.ts';
import { type LoopbackRegistry, openLoopbackRegistry, type RegistryCall } from '../../support/loopback-registry.ts';
import { makeSmallRelease, type SmallRelease } from '../../support/small-release.ts';
import { anonymous, faultOf, openStore, silent } from './settings.ts';

let release: SmallRelease;
let publication: Publication;
let registry: LoopbackRegistry;
beforeAll(async () => {
  release = await makeSmallRelease();
  publication = buildPublication(release.files, [release.artifact]);
});
beforeEach(async () => {
  registry = await openLoopbackRegistry();
});
afterEach(() => registry[Symbol.asyncDispose]());

const credentials = { user: 'robot', password: 'correct horse' };
const basic = `Basic ${Buffer.from('robot:correct horse').toString('base64')}`;
const access = { credentials, tokenHosts: [] };

/** A registry that wants a token of a service on this origin. */
function wantToken(origin: string, token = 'opaque'): void {
  registry.interfere = ({ url, headers }) => {
    if (url.pathname === '/token') return { status: 200, body: JSON.stringify({ token }) };
    if (headers.authorization === `Bearer ${token}`) return undefined;
    const challenge = `Bearer realm="${origin}/token",service="registry.example",scope="repository:all:*"`;
    return { status: 401, headers: { 'www-authenticate': challenge } };
  };
}

const tokenCalls = ({ calls }: LoopbackRegistry): readonly RegistryCall[] =>
  calls.filter(({ url }) => url.pathname === '/token');

describe('Credentials', () => {
  test('are sent to a registry that asks for them, and only then', async () => {
    registry.interfere = ({ headers }) =>
      headers.authorization === basic ? undefined : { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
    await openStore(registry, access).put(publication, silent);
    expect((await openStore(registry, access).find(release.file)).bundles).toHaveLength(3);
    await using open = await openLoopbackRegistry();
    await openStore(open, access).put(publication, silent);
    expect(open.calls.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  test('buy a token for this repository and what is to be done there, whatever the challenge asks for', async () => {
    wantToken(registry.origin);
    await openStore(registry, access).put(publication, silent);
    const [call] = tokenCalls(registry);
    expect(call?.headers.authorization).toBe(basic);
    expect(call?.url.searchParams.get('scope')).toBe('repository:nodes:pull,push');
    expect(call?.url.searchParams.get('service')).toBe('registry.example');
    registry.calls.length = 0;
    await openStore(registry).find(release.file);
    expect(tokenCalls(registry).map(({ url }) => url.searchParams.get('scope'))).toEqual(['repository:nodes:pull']);
  });

  test('are not sent to a token service elsewhere, unless it is allowed by name', async () => {
    await using elsewhere = await openLoopbackRegistry();
    elsewhere.interfere = () => ({ status: 200, body: '{"token":"opaque"}' });
    wantToken(elsewhere.origin);
    const fault = await faultOf(openStore(registry, access).find(release.file));
    expect(fault).toMatchObject({
      code: 'config.token-host',
      next: expect.stringContaining('--registry-token-host') as string,
    });
    expect(elsewhere.calls).toEqual([]);
    const allowing = { credentials, tokenHosts: [new URL(elsewhere.origin).host] };
    await openStore(registry, allowing).put(publication, silent);
    expect(elsewhere.calls.map(({ headers }) => headers.authorization)).toEqual([basic]);
  });

  test('do not follow a redirect', async () => {
    await using storage = await openLoopbackRegistry();
    await openStore(registry).put(publication, silent);
    wantToken(registry.origin);
    const guarded = registry.interfere;
    storage.interfere = ({ url }) => ({ status: 200, body: registry.blobs.get(url.pathname.slice(1)) ?? '' });
    registry.interfere = (call, right) => {
      const refusal = guarded?.(call, right);
      const [, digest] = /\/blobs\/(sha256:.*)$/.exec(call.url.pathname) ?? [];
      return (
        refusal ??
        (digest === undefined ? undefined : { status: 307, headers: { location: `${storage.origin}/${digest}` } })
      );
    };
    expect((await openStore(registry, access).find(release.file)).bundles).toHaveLength(3);
    expect(storage.calls.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
  });

  test('stand in no message, though the registry repeats them', async () => {
    registry.interfere = ({ headers }) => ({
      status: headers.authorization === undefined ? 401 : 403,
      headers: { 'www-authenticate': 'Basic realm="x"' },
      body: JSON.stringify({ errors: [{ code: headers.authorization ?? 'NONE', message: headers.authorization }] }),
    });
    const fault = await faultOf(openStore(registry, access).find(release.file));
    expect(fault.code).toBe('network.denied');
    expect(JSON.stringify([fault.message, fault.where, fault.next])).not.toMatch(/cm9ib3Q|correct horse/);
  });

  test('that are missing or wrong are said to be, with what to do', async () => {
    registry.interfere = () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } });
    expect(await faultOf(openStore(registry).find(release.file))).toMatchObject({
      code: 'network.denied',
      next: expect.stringContaining('docker login') as string,
    });
    expect((await faultOf(openStore(registry, access).find(release.file))).code).toBe('network.denied');
  });

  test.each([
    ['no challenge', undefined, 'store.challenge'],
    ['a scheme that we do not speak', 'Negotiate', 'store.challenge'],
    ['a challenge without a realm', 'Bearer service="x"', 'store.challenge'],
    ['a realm with credentials', 'Bearer realm="http://a:b@127.0.0.1/token"', 'config.token-host'],
  ])('are not sent on %s', async (_name, challenge, code) => {
    const headers: Record<string, string> = challenge === undefined ? {} : { 'www-authenticate': challenge };
    registry.interfere = () => ({ status: 401, headers });
    expect((await faultOf(openStore(registry, access).find(release.file))).code).toBe(code);
    expect(registry.calls.filter(({ headers: { authorization } }) => authorization !== undefined)).toEqual([]);
  });

  test.each(['{}', '{"token":""}', '{"token":"a\\nb"}', 'no json', JSON.stringify({ token: 'x'.repeat(70_000) })])(
    'are not taken for spent when the token answer is %.20s',
    async (body) => {
      wantToken(registry.origin);
      const guarded = registry.interfere;
      registry.interfere = (call, right) =>
        call.url.pathname === '/token' ? { status: 200, body } : guarded?.(call, right);
      const { code } = await faultOf(openStore(registry, anonymous).find(release.file));
      expect(['store.token', 'json.syntax', 'limit.store-answer']).toContain(code);
    },
  );
});

describe("Docker's configuration", () => {
  const config = (auths: object): Uint8Array => Buffer.from(JSON.stringify({ auths, credsStore: 'desktop' }));
  const auth = Buffer.from('robot:correct:horse').toString('base64');

  test('gives credentials by host, however the key is written', () => {
    const wanted = { user: 'robot', password: 'correct:horse' };
    expect(findCredentials(config({ 'ghcr.io': { auth } }), 'ghcr.io')).toEqual(wanted);
    expect(findCredentials(config({ 'https://index.docker.io/v1/': { auth } }), 'docker.io')).toEqual(wanted);
    expect(findCredentials(config({ 'localhost:5000': { auth } }), 'localhost:5000')).toEqual(wanted);
  });

  test('gives nobody the credentials of another host', () => {
    expect(findCredentials(config({ 'ghcr.io': { auth } }), 'ghcr.io.example')).toBeNull();
    expect(findCredentials(config({ 'localhost:5000': { auth } }), 'localhost:5001')).toBeNull();
    expect(findCredentials(config({ 'ghcr.io': {} }), 'ghcr.io')).toBeNull();
    expect(findCredentials(Buffer.from('{}'), 'ghcr.io')).toBeNull();
  });
});

describe('The name of a repository', () => {
  test('means https, and http on loopback alone', () => {
    const originOf = (text: string, plainHttp = false): string => parseRepository(text, plainHttp).origin.origin;
    expect(originOf('ghcr.io/acme/nodes')).toBe('https://ghcr.io');
    expect(originOf('docker.io/acme/nodes')).toBe('https://registry-1.docker.io');
    expect(originOf('localhost:5000/nodes')).toBe('http://localhost:5000');
    expect(originOf('127.0.0.1:5000/nodes')).toBe('http://127.0.0.1:5000');
    expect(originOf('https://localhost:5000/nodes')).toBe('https://localhost:5000');
    expect(originOf('registry.example/nodes', true)).toBe('http://registry.example');
    expect(() => originOf('http://registry.example/nodes')).toThrow(/plain http/);
    // Not loopback, though it looks like it.
    expect(originOf('127.0.0.1.example/nodes')).toBe('https://127.0.0.1.example');
    expect(originOf('localhost.example/nodes')).toBe('https://localhost.example');
  });

  test.each([
    'ghcr.io',
    'ghcr.io/',
    'ghcr.io/Acme',
    'ghcr.io/acme/../other',
    'ghcr.io/acme:tag',
    'ghcr.io/acme@sha256:00',
    'a:b@ghcr.io/acme',
    'ghcr.io/acme?x',
    `ghcr.io/${'a-'.repeat(200)}`,
  ])('is refused where it is %s', (text) => {
    expect(() => parseRepository(text, false)).toThrow(/^Cannot use/);
  });
});
