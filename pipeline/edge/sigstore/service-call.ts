import { Fault } from '../../core/index.ts';

/** How long one call to a service may take, and how often it is tried anew where the service or the way to it fails. */
export type CallOptions = { readonly timeoutMs: number; readonly retries: number };

/** A log answers only when a checkpoint covers the entry: CLIENTS.md of rekor-tiles wants 20 seconds at least. */
export const defaultCallOptions: CallOptions = { timeoutMs: 30_000, retries: 2 };

/** The same as @sigstore/sign takes it. */
export function libraryOptions(options: CallOptions): { timeout: number; retry: number } {
  return { timeout: options.timeoutMs, retry: options.retries };
}

/** A base URL to which the libraries append a path. */
export function trimSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

/** One service, as messages name it. */
export type Service = { readonly name: string; readonly url: string };

/**
 * Runs a call and turns whatever it throws into a fault of one line, without its cause: the libraries' errors quote whole
 * answers and identity tokens.
 * Faults: network.unreachable, network.timeout, network.status, signing.refused, signing.answer.
 *
 * @param secrets texts that no message may repeat, though a service says them
 */
export async function callService<T>(service: Service, secrets: readonly string[], call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof Fault ? error : describeFailure(service, error, secrets);
  }
}

function describeFailure(service: Service, error: unknown, secrets: readonly string[]): Fault {
  const failures = causesOf(error);
  const refusal = failures.find((failure) => typeof failure.statusCode === 'number');
  if (refusal !== undefined) {
    const said = String(refusal.message).replace(/^\(\d{3}\) /, '');
    return describeStatus(service, Number(refusal.statusCode), scrub(said, secrets));
  }
  const codes = failures.flatMap((failure) => [failure.code, failure.type, failure.name]).map(String);
  if (codes.some((code) => /timeout|timedout/i.test(code)))
    return new Fault('network.timeout', `Cannot reach ${service.name}: no answer in time`, { where: placeOf(service) });
  const wayFailed = codes.find((code) => wayFailures.test(code));
  if (wayFailed !== undefined)
    return new Fault('network.unreachable', `Cannot reach ${service.name}: ${wayFailed}`, { where: placeOf(service) });
  return describeAnswer(service, 'not what its interface says');
}

/** Codes of Node, OpenSSL and undici for failures on the way: ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED … */
const wayFailures =
  /^(?:E[A-Z]{3,}|EAI_[A-Z]+|UND_ERR_[A-Z_]+|ERR_(?:TLS|SSL)_[A-Z_]+|CERT_[A-Z_]+|[A-Z_]*SELF_SIGNED_CERT[A-Z_]*|UNABLE_TO_[A-Z_]+)$/;

/** An answer that is no success: 5xx, 429 and 408 may pass; another says that the request itself is refused. */
export function describeStatus(service: Service, status: number, said: string): Fault {
  const text = said === '' ? `HTTP status ${status}` : `HTTP status ${status}: ${said}`;
  return isPassing(status)
    ? new Fault('network.status', `Cannot use ${service.name}: ${text}`, { where: placeOf(service) })
    : new Fault('signing.refused', `Cannot sign: ${service.name} refuses the request: ${text}`, {
        where: placeOf(service),
      });
}

function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

/** An answer that arrived and is wrong. */
export function describeAnswer(service: Service, problem: string): Fault {
  return new Fault('signing.answer', `Cannot use the answer of ${service.name}: ${problem}`, {
    where: placeOf(service),
  });
}

/** A service's address without what a query may hold. */
function placeOf(service: Service): string {
  return service.url.split('?')[0] ?? '';
}

type Failure = {
  readonly message?: unknown;
  readonly name?: unknown;
  readonly code?: unknown;
  readonly type?: unknown;
  readonly statusCode?: unknown;
  readonly cause?: unknown;
};

function causesOf(error: unknown): readonly Failure[] {
  const failures: Failure[] = [];
  for (
    let each = error;
    typeof each === 'object' && each !== null && failures.length < 8;
    each = failures.at(-1)?.cause
  )
    failures.push(each);
  return failures;
}

const saidCharacters = 200;

/** A foreign text for a message: one short line of printable ASCII, without what must not be told. */
export function scrub(text: string, secrets: readonly string[]): string {
  return (
    secrets
      .filter((secret) => secret !== '')
      .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
      // Any JSON Web Token, of which the library may quote more than we gave: base64url that starts with `{"`.
      .replaceAll(/eyJ[\w-]{4,}(?:\.[\w-]*){0,2}/g, '[token]')
      .replaceAll(/[^ -~]+/g, ' ')
      .trim()
      .slice(0, saidCharacters)
  );
}
