/**
 * A coded failure. Parsers and loaders throw it; judgements return findings instead.
 *
 * The part of the code before the first dot is its area. The area alone decides the exit code (see exitOf), so that a
 * code can never mean one thing in one command and another thing elsewhere.
 */
export type FaultCode = `${string}.${string}`;

export type FaultOptions = {
  /** The file, and the byte offset or field path in it. */
  readonly where?: string;
  /** One line that tells what to do next, where there is something to do. */
  readonly next?: string;
  readonly cause?: unknown;
};

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly where: string | undefined;
  readonly next: string | undefined;

  /** @param message `Cannot <verb> <thing>: <actual>, want <wanted>` */
  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.where = options.where;
    this.next = options.next;
  }
}

/** Runs a step and says where it failed: a Fault without a place is given one, a Fault with a place gets this one in front. */
export function within<T>(place: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof Fault ? placed(error, place) : error;
  }
}

/** As within, for a step that takes its time. */
export async function withinAsync<T>(place: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof Fault ? placed(error, place) : error;
  }
}

function placed(fault: Fault, place: string): Fault {
  const { where: inner } = fault;
  const where = inner === undefined ? place : inner.startsWith(place) ? inner : `${place}: ${inner}`;
  return new Fault(fault.code, fault.message, {
    where,
    cause: fault,
    ...(fault.next === undefined ? {} : { next: fault.next }),
  });
}

/** The end of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new TypeError(`Cannot happen: ${JSON.stringify(value)}`);
}
