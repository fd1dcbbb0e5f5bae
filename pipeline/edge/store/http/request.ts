import { Fault } from '../../../core/index.ts';
import { inwardProblem, isAllowedScheme } from './address.ts';
import { readBody, type Sink } from './body.ts';
import { describeFailure, PassingFault, placeOf } from './failure.ts';
import { describeStatus } from './status.ts';

export type HttpSettings = {
  readonly fetch: typeof fetch;
  /** Rejects where the signal ends it. */
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
  readonly now: () => Date;
  /** For one request with its answer; what is sent has as much longer as it is long. */
  readonly timeoutMs: number;
  readonly retries: number;
  readonly firstPauseMs: number;
  readonly plainHttp: boolean;
  /** For all requests about one digest together where there is no deadline: a server may be slow a thousand times. */
  readonly searchTimeoutMs: number;
  /** When the search ends; absent where something is sent, which takes the time it takes. */
  readonly deadline?: AbortSignal;
};

export type HttpRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` alone, whatever a redirect says. */
  readonly authorization?: string | null;
  /** The server is one of the internet: it leads to no address of a private network. */
  readonly isPublic?: boolean;
  readonly body?: Blob;
  readonly maxBytes: number;
  /** Statuses that are answers; another one is a failure. */
  readonly answers: readonly number[];
  /** Takes an answer that is too large for the memory, instead of its `bytes`. Made anew for each attempt. */
  readonly sink?: () => Sink;
};

export type HttpAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly url: URL;
};

/** Slower than this is given up, 64 KiB a second. */
const slowestBytesPerMs = 64;
const redirects = 5;
/** A server that wants more patience is not waited for. */
const longestPauseMs = 60_000;

/**
 * Sends a request; failures that may pass are tried anew with growing pauses, or after the pause that the server asks for.
 * Faults: network.unreachable, network.timeout, network.broken, network.status, network.denied, store.redirect,
 * limit.store-answer.
 */
export function sendRequest(request: HttpRequest, settings: HttpSettings): Promise<HttpAnswer> {
  return retryPassing(settings, () => sendOnce(request, settings));
}

/** The settings for one search, which begins now, unless it is a part of a larger one. */
export function startSearch(settings: HttpSettings): HttpSettings {
  return { ...settings, deadline: settings.deadline ?? AbortSignal.timeout(settings.searchTimeoutMs) };
}

/** Runs a step anew while it fails in a way that may pass. */
export async function retryPassing<T>(settings: HttpSettings, step: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const isOver = attempt >= settings.retries || settings.deadline?.aborted === true;
      if (!(error instanceof PassingFault) || isOver) throw error;
      // A server whose clock is behind ours, or that wants no pause, is not asked at once again.
      const pauseMs = Math.max(error.retryAfterMs ?? 0, settings.firstPauseMs * 2 ** attempt);
      if (pauseMs > longestPauseMs) throw error;
      await pause(pauseMs, settings, error);
    }
  }
}

/** A deadline that comes first ends the pause, and what failed before it stays the reason. */
async function pause(pauseMs: number, { wait, deadline }: HttpSettings, reason: Fault): Promise<void> {
  await wait(pauseMs, deadline).catch(() => undefined);
  if (deadline?.aborted === true) throw reason;
}

/** One attempt, redirects followed. */
export async function sendOnce(request: HttpRequest, settings: HttpSettings): Promise<HttpAnswer> {
  try {
    return await follow(request, settings);
  } catch (error) {
    if (!(error instanceof PassingFault) || settings.deadline?.aborted !== true) throw error;
    const { url } = request;
    throw new PassingFault(
      'network.timeout',
      `Cannot wait for ${url.host}: the time for the search is over`,
      placeOf(url),
      null,
      {
        next: 'Ask again when it answers faster, or give it more with --search-timeout SECONDS',
      },
    );
  }
}

async function follow(request: HttpRequest, settings: HttpSettings): Promise<HttpAnswer> {
  const extraMs = Math.ceil((request.body?.size ?? request.maxBytes) / slowestBytesPerMs);
  const timeout = AbortSignal.timeout(settings.timeoutMs + extraMs);
  const signal = settings.deadline === undefined ? timeout : AbortSignal.any([timeout, settings.deadline]);
  let url = request.url;
  for (let hops = 0; ; hops++) {
    const response = await callFetch(request, url, settings, signal);
    const target = redirectTarget(request, response, url);
    if (target === null) return await readAnswer(request, response, url, settings);
    await response.body?.cancel();
    if (hops >= redirects) throw badRedirect(request.url, `more than ${redirects} redirects`);
    checkRedirect(request, target, settings);
    url = target;
  }
}

async function callFetch(
  request: HttpRequest,
  url: URL,
  settings: HttpSettings,
  signal: AbortSignal,
): Promise<Response> {
  const { method, headers = {}, authorization = null, body } = request;
  try {
    return await settings.fetch(url, {
      method,
      headers: {
        'user-agent': 'nodeproof',
        // Caps count the bytes that arrive.
        'accept-encoding': 'identity',
        ...headers,
        ...(authorization === null || url.origin !== request.url.origin ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    throw describeFailure(url, error);
  }
}

async function readAnswer(
  { method, answers, maxBytes, sink, authorization = null }: HttpRequest,
  response: Response,
  url: URL,
  settings: HttpSettings,
): Promise<HttpAnswer> {
  const { status, headers } = response;
  if (!answers.includes(status)) throw await describeStatus(url, response, settings.now(), authorization);
  const bytes = method === 'HEAD' ? Buffer.alloc(0) : await readBody(url, response, maxBytes, sink?.());
  return { status, headers, bytes, url };
}

function redirectTarget({ method, url: asked }: HttpRequest, response: Response, url: URL): URL | null {
  if (![301, 302, 303, 307, 308].includes(response.status)) return null;
  if (method !== 'GET' && method !== 'HEAD') throw badRedirect(asked, 'what is sent must not be sent elsewhere');
  const target = URL.parse(response.headers.get('location') ?? '', url.href);
  if (target === null) throw badRedirect(asked, 'it names no address');
  return target;
}

/** A server must not lead us down to plain http, nor to services of this machine or of a network that it is not in. */
function checkRedirect({ url: asked, isPublic = false }: HttpRequest, target: URL, { plainHttp }: HttpSettings): void {
  const isWithin = target.origin === asked.origin;
  if (!isWithin && !isAllowedScheme(target, plainHttp && asked.protocol === 'http:'))
    throw badRedirect(asked, `to ${target.protocol}//, want https`);
  const inward = inwardProblem(target, asked, isPublic);
  if (inward !== null) throw badRedirect(asked, `to ${inward}`);
  if (target.username !== '' || target.password !== '') throw badRedirect(asked, 'with credentials in it');
}

function badRedirect(asked: URL, problem: string): Fault {
  return new Fault('store.redirect', `Cannot follow a redirect of ${asked.host}: ${problem}`, {
    where: placeOf(asked),
  });
}
