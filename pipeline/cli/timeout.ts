import { Fault } from '../core/index.ts';

const secondsMax = 3600;

/** Seconds that something may take. Fault: usage.timeout. */
export function parseTimeout(text: string): number {
  const seconds = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= secondsMax) return seconds;
  throw new Fault(
    'usage.timeout',
    `Cannot use --timeout ${JSON.stringify(text.slice(0, 40))}: want whole seconds, 1 to ${secondsMax}`,
  );
}

/**
 * Runs a step that is given up when its time is over: whoever waits for a verdict must not wait for ever. The step is told
 * by the signal, and must change nothing then. Fault: unavailable.timeout.
 */
export async function withTimeout<T>(
  seconds: number | undefined,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  if (seconds === undefined) return await step(controller.signal);
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const fault = new Fault('unavailable.timeout', `Cannot judge this node: no verdict after ${seconds} seconds`, {
      next: 'Look at what is slow with node collect, or give it longer with --timeout',
    });
    controller.abort(fault);
    reject(fault);
  }, seconds * 1000);
  try {
    return await Promise.race([step(controller.signal), promise]);
  } finally {
    clearTimeout(timer);
  }
}
