import { Fault, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { readBody } from './body.ts';
import { PassingFault, placeOf } from './failure.ts';

/** A status that is no answer to what was asked. */
export async function describeStatus(url: URL, response: Response, now: Date): Promise<Fault> {
  const { status } = response;
  const reason = await readReason(url, response);
  const told = `HTTP status ${status}${reason === '' ? '' : ` ${reason}`}`;
  if (status >= 500 || status === 429 || status === 408) {
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), now);
    return new PassingFault('network.status', `Cannot use ${url.host}: ${told}`, placeOf(url), retryAfterMs);
  }
  if (status === 401 || status === 403) {
    return new Fault('network.denied', `Cannot use ${url.host}: ${told}, want access to ${url.pathname}`, {
      where: placeOf(url),
      next: 'Give credentials that may: docker login, or --registry-user with --registry-password-file',
    });
  }
  return new Fault('network.status', `Cannot use ${url.host}: ${told}`, { where: placeOf(url) });
}

/** RFC 9110 §10.2.3: seconds or a date. */
export function parseRetryAfter(text: string | null, now: Date): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - now.getTime());
}

/** The error codes of distribution-spec ("Error Codes"), which are plain words; nothing else of the answer is repeated. */
async function readReason(url: URL, response: Response): Promise<string> {
  try {
    const json = parseJsonBytes(
      await readBody(url, response, limits.serverWordBytes),
      'answer',
      limits.serverWordBytes,
    );
    const errors = typeof json === 'object' && json !== null && 'errors' in json ? json['errors'] : [];
    const codes = Array.isArray(errors) ? errors.map((error: { readonly code?: unknown } | null) => error?.code) : [];
    return codes
      .filter((code) => typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code))
      .slice(0, 3)
      .join(', ');
  } catch (error) {
    if (error instanceof Fault) return '';
    throw error;
  }
}
