import * as z from 'zod/mini';
import { Fault, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { parseWith } from '../../../formats/schema/index.ts';
import { readBody } from './body.ts';
import { PassingFault, placeOf, StatusFault } from './failure.ts';

/**
 * A status that is no answer to what was asked.
 *
 * @param authorization what was sent, which must not come back in a message
 */
export async function describeStatus(
  url: URL,
  response: Response,
  now: Date,
  authorization: string | null = null,
): Promise<Fault> {
  const { status } = response;
  const secret = authorization?.split(' ').at(-1) ?? '';
  const said = await readReason(url, response);
  const reason = secret !== '' && said.includes(secret) ? '' : said;
  const told = `HTTP status ${status}${reason === '' ? '' : ` ${reason}`}`;
  const retryAfterMs = readPause(response, reason, now);
  if (status >= 500 || status === 429 || status === 408 || retryAfterMs !== null) {
    const next = retryAfterMs === null ? {} : { next: `Try again after ${timeAfter(now, retryAfterMs)}` };
    return new PassingFault('network.status', `Cannot use ${url.host}: ${told}`, placeOf(url), retryAfterMs, next);
  }
  if (status === 401 || status === 403) {
    return new StatusFault(
      'network.denied',
      status,
      `Cannot use ${url.host}: ${told}, want access to ${url.pathname}`,
      {
        where: placeOf(url),
        next: 'Give credentials that may: docker login, or --registry-user with --registry-password-file',
      },
    );
  }
  return new StatusFault('network.status', status, `Cannot use ${url.host}: ${told}`, { where: placeOf(url) });
}

/**
 * How long a server wants to be left alone: retry-after, or until GitHub's rate limit begins anew. GitHub answers 403 as well
 * as 429 there (docs.github.com, "Rate limits for the REST API", "Exceeding the rate limit").
 */
function readPause({ status, headers }: Response, reason: string, now: Date): number | null {
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), now);
  if (status !== 403 && status !== 429) return status >= 500 || status === 408 ? retryAfterMs : null;
  if (retryAfterMs !== null) return retryAfterMs;
  const reset = headers.get('x-ratelimit-reset') ?? '';
  if (headers.get('x-ratelimit-remaining') === '0' && /^\d{1,12}$/.test(reset))
    return Math.max(0, Number(reset) * 1000 - now.getTime());
  return /secondary rate limit/i.test(reason) ? secondaryPauseMs : null;
}

/** "wait for at least one minute", where a secondary limit comes without a time. */
const secondaryPauseMs = 60_000;

/** Whole seconds, rounded up; a time that no calendar has is one far away. */
function timeAfter(now: Date, pauseMs: number): string {
  const latest = Date.UTC(9999, 11, 31);
  const time = new Date(Math.min(Math.ceil((now.getTime() + pauseMs) / 1000) * 1000, latest));
  return time.toISOString().replace('.000Z', 'Z');
}

/** RFC 9110 §10.2.3: seconds or a date. */
export function parseRetryAfter(text: string | null, now: Date): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - now.getTime());
}

/**
 * The error codes of distribution-spec ("Error Codes"), which are plain words, or the `message` of GitHub where it is one short
 * printable line; nothing else of the answer is repeated.
 */
async function readReason(url: URL, response: Response): Promise<string> {
  try {
    const bytes = await readBody(url, response, limits.serverWordBytes);
    const reason = parseWith(reasonSchema, parseJsonBytes(bytes, 'answer', limits.serverWordBytes), 'store.answer', '');
    const errors = listSchema.safeParse(reason.errors).data ?? [];
    const codes = errors.map((error) => codedSchema.safeParse(error).data?.code).filter((code) => code !== undefined);
    return codes.slice(0, 3).join(', ') || (lineSchema.safeParse(reason.message).data ?? '');
  } catch (error) {
    if (error instanceof Fault) return '';
    throw error;
  }
}

const reasonSchema = z.object({ errors: z.optional(z.unknown()), message: z.optional(z.unknown()) });
const listSchema = z.array(z.unknown());
const codedSchema = z.object({ code: z.string().check(z.regex(/^[A-Z_]{1,40}$/)) });
const lineSchema = z.string().check(z.regex(/^[\x20-\x7e]{1,200}$/));
