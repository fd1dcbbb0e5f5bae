import { Fault } from '../../../core/index.ts';
import { describeFailure, PassingFault, placeOf } from './failure.ts';

export type Sink = (chunk: Uint8Array) => void;

/**
 * Reads an answer to its end, and not beyond the cap; where a sink takes the pieces, nothing is kept.
 * Faults: limit.store-answer, network.broken, network.timeout.
 */
export async function readBody(url: URL, response: Response, maxBytes: number, sink?: Sink): Promise<Buffer> {
  const stated = Number(response.headers.get('content-length') ?? Number.NaN);
  if (stated > maxBytes) {
    await response.body?.cancel();
    throw tooLarge(url, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  const total = await passBody(url, response, maxBytes, sink ?? ((chunk) => void chunks.push(chunk)));
  if (Number.isSafeInteger(stated) && stated !== total)
    throw new PassingFault('network.broken', `Cannot read from ${url.host}: the answer broke off`, placeOf(url));
  return Buffer.concat(chunks);
}

async function passBody(url: URL, response: Response, maxBytes: number, sink: Sink): Promise<number> {
  let total = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      total += chunk.byteLength;
      if (total > maxBytes) throw tooLarge(url, maxBytes);
      sink(chunk);
    }
  } catch (error) {
    throw error instanceof Fault ? error : describeFailure(url, error);
  }
  return total;
}

function tooLarge(url: URL, maxBytes: number): Fault {
  return new Fault('limit.store-answer', `Cannot read from ${url.host}: more than ${maxBytes} bytes`, {
    where: placeOf(url),
  });
}
