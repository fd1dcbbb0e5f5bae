import * as z from 'zod/mini';
import { Fault, type Json, limits } from '../../core/index.ts';
import { isSafeServiceUrl } from '../../attest/signing/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { requestJson } from './json-request.ts';
import { type CallOptions, defaultCallOptions, describeAnswer } from './service-call.ts';

/** Gives a fresh identity token (OpenID Connect) for each signature. */
export type IdentityTokenSource = { readToken(): Promise<string> };

/** The audience that Fulcio wants in a token. */
const audience = 'sigstore';

/**
 * A token that was given as it is, checked for what Fulcio would refuse anyway. Faults: usage.identity-token, which tells
 * nothing of the token.
 */
export function givenIdentityToken(text: string, now: () => Date): IdentityTokenSource {
  const token = text.trim();
  return {
    readToken: async () => {
      const { exp } = checkToken(token);
      if (exp !== undefined && exp * 1000 <= now().getTime())
        throw refuse(`it expired at ${describeTime(exp)}`, 'ask for a fresh one');
      return token;
    },
  };
}

/** What a GitHub runner tells the steps of a job that has the permission `id-token: write`. */
type GithubTokenEndpoint = {
  /** ACTIONS_ID_TOKEN_REQUEST_URL */
  readonly requestUrl: string | undefined;
  /** ACTIONS_ID_TOKEN_REQUEST_TOKEN */
  readonly requestToken: string | undefined;
};

/**
 * Tokens from the runner of a GitHub workflow, a new one for each signature.
 * Faults: usage.identity-token, network.*, signing.refused, signing.answer.
 */
export function githubIdentityToken(
  endpoint: GithubTokenEndpoint,
  options: CallOptions = defaultCallOptions,
): IdentityTokenSource {
  return { readToken: () => requestGithubToken(endpoint, options) };
}

async function requestGithubToken(
  { requestUrl, requestToken }: GithubTokenEndpoint,
  options: CallOptions,
): Promise<string> {
  if (requestUrl === undefined || requestToken === undefined || requestUrl === '' || requestToken === '')
    throw new Fault('usage.identity-token', 'Cannot sign without a key: there is no identity token', {
      next: 'give --key or --identity-token, or run in a GitHub workflow with the permission id-token: write',
    });
  if (!isSafeServiceUrl(requestUrl)) throw refuse("the runner's URL for it is not https");
  const url = new URL(requestUrl);
  url.searchParams.set('audience', audience);
  const service = { name: "the runner's token service", url: url.href };
  const headers = { authorization: `Bearer ${requestToken}` };
  const answer = await requestJson(service, { method: 'GET', headers, secrets: [requestToken] }, options);
  const parsed = z.object({ value: z.string() }).safeParse(answer);
  if (!parsed.success) throw describeAnswer(service, 'it holds no token');
  checkToken(parsed.data.value);
  return parsed.data.value;
}

const claimsSchema = z.object({
  sub: z.optional(z.string()),
  email: z.optional(z.string()),
  aud: z.optional(z.union([z.string(), z.array(z.string())])),
  exp: z.optional(z.number()),
});
type Claims = z.output<typeof claimsSchema>;

/**
 * Checks the form of a JSON Web Token (RFC 7519 §3) and that it is meant for Fulcio. The libraries' own errors quote the
 * token, so nothing malformed may reach them.
 */
function checkToken(token: string): Claims {
  if (token.length > limits.identityTokenBytes) throw refuse(`${token.length} characters, want fewer`);
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1 || !/^[\w.-]+$/.test(token)) throw refuse('it is no JSON Web Token');
  const claims = parseClaims(payload);
  if ((claims.sub ?? claims.email ?? '') === '') throw refuse('it names no subject');
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
  if (!audiences.includes(audience))
    throw refuse(`its audience is not ${audience}`, `ask for the audience ${audience}`);
  return claims;
}

/**
 * What a token says of its holder. Its signature is not checked: the certificate authority does that.
 * Faults: usage.identity-token, which tells nothing of the token.
 */
export function readTokenClaims(token: string): Json {
  checkToken(token);
  return decodePayload(token.split('.')[1] ?? '');
}

function decodePayload(payload: string): Json {
  return parseJsonBytes(Buffer.from(payload, 'base64url'), 'the token', limits.identityTokenBytes);
}

function parseClaims(payload: string): Claims {
  try {
    return claimsSchema.parse(decodePayload(payload));
  } catch {
    throw refuse('it is no JSON Web Token');
  }
}

function describeTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? 'no time' : time.toISOString();
}

function refuse(problem: string, next?: string): Fault {
  return new Fault(
    'usage.identity-token',
    `Cannot use the identity token: ${problem}`,
    next === undefined ? {} : { next },
  );
}
