import * as z from 'zod/mini';
import { Fault, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { parseWith } from '../../../formats/schema/index.ts';
import { isAllowedScheme } from '../http/address.ts';
import { type HttpSettings, sendRequest } from '../http/request.ts';
import type { Credentials } from './credentials.ts';
import type { RepositoryReference } from './reference.ts';

export type Access = {
  readonly credentials: Credentials | null;
  /** Hosts beside the registry's own that may give its tokens, and so see the credentials. */
  readonly tokenHosts: readonly string[];
  readonly scope: 'pull' | 'pull,push';
};

/** Where well-known registries keep their token services. */
const knownTokenHosts: Readonly<Record<string, string>> = {
  'registry-1.docker.io': 'auth.docker.io',
  'registry.gitlab.com': 'gitlab.com',
};

/**
 * Answers a registry's challenge (RFC 9110 §11.6.1; distribution's "Token Authentication"): the value of the Authorization
 * header. A realm on another host is refused by name: a registry must not send our credentials around.
 * Faults: network.denied, config.token-host, store.challenge, store.token, and those of sendRequest.
 */
export async function answerChallenge(
  challenge: string | null,
  { origin, repository }: RepositoryReference,
  { credentials, tokenHosts, scope }: Access,
  settings: HttpSettings,
): Promise<string> {
  const basic = credentials === null ? null : basicAuthorization(credentials);
  const text = (challenge ?? '').slice(0, challengeCharacters);
  if (/^basic(?:\s|$)/i.test(text)) {
    if (basic === null) throw wantsCredentials(origin);
    return basic;
  }
  if (!/^bearer\s/i.test(text)) throw badChallenge(origin, 'neither Basic nor Bearer');
  const parameters = parseParameters(text.slice('bearer'.length));
  const realm = URL.parse(parameters.get('realm') ?? '');
  if (realm === null) throw badChallenge(origin, 'it names no realm');
  checkRealm(realm, origin, tokenHosts, settings);
  const service = parameters.get('service');
  if (service !== undefined) realm.searchParams.set('service', service);
  // Ours, whatever the challenge asks for: a registry must not widen it.
  realm.searchParams.set('scope', `repository:${repository}:${scope}`);
  const request = { method: 'GET', url: realm, maxBytes: limits.serverWordBytes, answers: [200] } as const;
  const { bytes } = await sendRequest({ ...request, authorization: basic }, settings);
  return `Bearer ${parseToken(bytes)}`;
}

const challengeCharacters = 4096;

function basicAuthorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function parseParameters(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/([a-z_]{1,40})="([^"]{0,2048})"/gi)];
  return new Map(pairs.map(([, name = '', value = '']) => [name.toLowerCase(), value]));
}

function checkRealm(realm: URL, origin: URL, tokenHosts: readonly string[], { plainHttp }: HttpSettings): void {
  if (realm.origin === origin.origin && realm.username === '' && realm.password === '') return;
  const allowed = [...tokenHosts, knownTokenHosts[origin.host]];
  if (!allowed.includes(realm.host) || realm.username !== '' || realm.password !== '') {
    throw new Fault('config.token-host', `Cannot log in to ${origin.host}: it sends us to ${realm.host} for a token`, {
      where: origin.origin,
      next: `Where that host may see your credentials, allow it: --registry-token-host ${realm.host}`,
    });
  }
  if (!isAllowedScheme(realm, plainHttp && origin.protocol === 'http:'))
    throw badChallenge(origin, `its realm is ${realm.protocol}//, want https`);
}

const tokenText = z.string().check(z.regex(/^[\x21-\x7e]{1,16384}$/));
const tokenSchema = z.looseObject({ token: z.optional(tokenText), access_token: z.optional(tokenText) });

function parseToken(bytes: Uint8Array): string {
  const json = parseJsonBytes(bytes, 'token answer', limits.serverWordBytes);
  const { token, access_token: accessToken } = parseWith(tokenSchema, json, 'store.token', 'token answer');
  const value = token ?? accessToken;
  if (value === undefined) throw new Fault('store.token', 'Cannot read token answer: token: missing');
  return value;
}

function wantsCredentials(origin: URL): Fault {
  return new Fault('network.denied', `Cannot use ${origin.host}: it wants a user and a password`, {
    where: origin.origin,
    next: 'docker login, or --registry-user with --registry-password-file',
  });
}

function badChallenge(origin: URL, problem: string): Fault {
  return new Fault(
    'store.challenge',
    `Cannot log in to ${origin.host}: ${problem}, want a challenge as RFC 9110 has it`,
    {
      where: origin.origin,
    },
  );
}
