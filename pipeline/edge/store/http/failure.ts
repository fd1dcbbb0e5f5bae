import { Fault, type FaultCode, type FaultOptions } from '../../../core/index.ts';

/** A failure of the way or of a busy server: another attempt may succeed. */
export class PassingFault extends Fault {
  /** What the server asked for; null where it asked for nothing. */
  readonly retryAfterMs: number | null;

  constructor(
    code: FaultCode,
    message: string,
    where: string,
    retryAfterMs: number | null = null,
    options: Pick<FaultOptions, 'next'> = {},
  ) {
    super(code, message, { where, ...options });
    this.retryAfterMs = retryAfterMs;
  }
}

/** A status that is no answer to what was asked, for those who can say more about it. */
export class StatusFault extends Fault {
  readonly status: number;

  constructor(code: FaultCode, status: number, message: string, options: FaultOptions) {
    super(code, message, options);
    this.status = status;
  }
}

/** What fetch throws, in one line and without its cause, which may quote headers. */
export function describeFailure(url: URL, error: unknown): Fault {
  const names = namesOf(error);
  const where = placeOf(url);
  if (names.some((name) => /timeout|timedout/i.test(name)))
    return new PassingFault('network.timeout', `Cannot reach ${url.host}: no answer in time`, where);
  const code = names.find((name) => /^[A-Z][A-Z0-9_]{3,60}$/.test(name));
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return new PassingFault('network.broken', `Cannot read from ${url.host}: the answer broke off`, where);
  // The first bytes of an answer that is no TLS at all.
  if (code !== undefined && /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(code))
    return new Fault('network.plain-http', `Cannot talk https to ${url.host}: it does not speak TLS`, {
      where,
      next: 'Name a server that does; --plain-http lets anyone on the way read and change what is sent',
    });
  return new PassingFault('network.unreachable', `Cannot reach ${url.host}: ${code ?? 'the request failed'}`, where);
}

function namesOf(error: unknown): readonly string[] {
  const names: string[] = [];
  let each = error;
  for (let depth = 0; typeof each === 'object' && each !== null && depth < 8; depth++) {
    const { code, name, cause } = each as { code?: unknown; name?: unknown; cause?: unknown };
    names.push(String(code), String(name));
    each = cause;
  }
  return names;
}

/** An address for messages, without what a query may hold. */
export function placeOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
