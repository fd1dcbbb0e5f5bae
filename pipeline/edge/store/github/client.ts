import type { Octokit } from 'octokit';
import { Fault, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { inwardProblem, isAllowedScheme } from '../http/address.ts';
import type { Sink } from '../http/body.ts';
import { placeOf, StatusFault } from '../http/failure.ts';
import { type HttpAnswer, type HttpSettings, sendOnce, sendRequest } from '../http/request.ts';
import type { GithubSite } from './site.ts';

export type GithubAccess = { readonly site: GithubSite; readonly token: string | null };

/** GitHub's REST API: octokit knows its routes and types, our transport sends. */
export type GithubClient = GithubAccess & { readonly octokit: Octokit; readonly settings: HttpSettings };

/** What octokit's types say that a call answers. */
export type Data<Call extends (...args: never[]) => Promise<{ data: unknown }>> = Awaited<ReturnType<Call>>['data'];

/** How one call is sent; goes through octokit as its `request` parameter. */
export type Transport = {
  readonly maxBytes: number;
  /** One attempt: what follows a lost answer is the caller's business. */
  readonly isOnce?: boolean;
  /** Bytes are given as they are, not read as JSON. */
  readonly isRaw?: boolean;
  readonly sink?: () => Sink;
};

/** Versions are kept for two years and more after the next one (docs.github.com, "API Versions"). */
const apiVersion = '2022-11-28';

/**
 * Loads octokit, only now: commands that need no GitHub start without it. Every request of it goes over our transport, with
 * its caps, pauses and redirect rules; octokit's own retries, throttling and log are off, and it parses no answer.
 */
export async function openGithubClient(access: GithubAccess, settings: HttpSettings): Promise<GithubClient> {
  const { Octokit } = await import('octokit');
  const octokit = new Octokit({
    baseUrl: access.site.api.href.replace(/\/$/, ''),
    retry: { enabled: false },
    throttle: { enabled: false },
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  octokit.hook.wrap('request', async (_send, options) => {
    const { method, url, headers, body } = octokit.request.endpoint.parse(options) as ParsedRequest;
    const { maxBytes, isOnce, isRaw, sink } = options.request as unknown as Transport;
    const send = isOnce === true ? sendOnce : sendRequest;
    const answer = await send(
      {
        method,
        url: new URL(url),
        headers: { ...pickHeaders(headers), 'x-github-api-version': apiVersion },
        authorization: access.token === null ? null : `Bearer ${access.token}`,
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : new Blob([JSON.stringify(body)]) }),
        maxBytes,
        isPublic: access.site.isCloud,
        answers: [200, 201, 204],
        ...(sink === undefined ? {} : { sink }),
      },
      settings,
    );
    return { status: answer.status, url, headers: Object.fromEntries(answer.headers), data: dataOf(answer, isRaw) };
  });
  return { ...access, octokit, settings };
}

type ParsedRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
};

const ignore = (): void => undefined;

function pickHeaders(headers: ParsedRequest['headers']): Readonly<Record<string, string>> {
  const names = ['accept', 'content-type'].filter((name) => headers[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, String(headers[name])]));
}

/** Whatever octokit's types say of it: each caller checks it against a schema. */
function dataOf({ status, bytes }: HttpAnswer, isRaw = false): unknown {
  if (isRaw) return bytes;
  return status === 204 ? null : parseJsonBytes(bytes, 'answer of GitHub', limits.githubPageBytes);
}

/**
 * GitHub says "not found" of what is not there, and of all that a repository or owner has whom it hides: "none" is known only where
 * these themselves are seen. Faults: network.status (404: they are not), network.*.
 */
export async function checkVisible(
  { octokit }: GithubClient,
  { owner, repo }: { readonly owner: string; readonly repo: string | null },
): Promise<void> {
  const request = { maxBytes: limits.storeIndexBytes } satisfies Transport;
  if (repo === null) await octokit.rest.users.getByUsername({ username: owner, request });
  else await octokit.rest.repos.get({ owner, repo, request });
}

/** Null where GitHub has no such thing, or says so to those who may not know. */
export async function orNull<T>(step: Promise<T>): Promise<T | null> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof StatusFault && error.status === 404) return null;
    throw error;
  }
}

/**
 * Fetches what an answer points to, on storage of GitHub's choice: without our credentials, by https, and never from an address
 * that is nearer to us than the API is. Faults: store.address, network.*, limit.store-answer.
 */
export async function download(
  { site, settings }: GithubClient,
  address: string,
  maxBytes: number,
  sink?: () => Sink,
): Promise<HttpAnswer> {
  const url = URL.parse(address);
  const inward = url === null ? null : inwardProblem(url, site.api, site.isCloud);
  const problem =
    url === null
      ? 'it is none'
      : !isAllowedScheme(url, site.api.protocol === 'http:' && settings.plainHttp)
        ? `it has ${url.protocol}//, want https`
        : inward !== null
          ? `it leads to ${inward}`
          : url.username !== '' || url.password !== ''
            ? 'it holds credentials'
            : null;
  if (url === null || problem !== null)
    throw new Fault(
      'store.address',
      `Cannot follow an address that ${site.api.host} gave: ${problem}`,
      url === null ? {} : { where: placeOf(url) },
    );
  const request = {
    method: 'GET',
    url,
    isPublic: site.isCloud,
    maxBytes,
    answers: [200],
    ...(sink === undefined ? {} : { sink }),
  } as const;
  try {
    return await sendRequest(request, settings);
  } catch (error) {
    if (!(error instanceof StatusFault)) throw error;
    // Credentials would not help: none are sent there.
    const next = 'Try again: addresses in storage hold for some minutes only';
    throw new StatusFault('network.status', error.status, error.message, { where: placeOf(url), next, cause: error });
  }
}
