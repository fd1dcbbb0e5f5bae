import { Fault } from '../../../core/index.ts';
import { describeFailure, PassingFault, placeOf } from './failure.ts';

/** Reads an answer to its end, and not beyond the cap. Faults: limit.store-answer, network.broken, network.timeout. */
export async function readBody(url: URL, response: Response, maxBytes: number): Promise<Buffer> {
  const stated = Number(response.headers.get('content-length') ?? Number.NaN);
  if (stated > maxBytes) {
    await response.body?.cancel();
    throw tooLarge(url, maxBytes);
  }
  const bytes = await collectBody(url, response, maxBytes);
  if (Number.isSafeInteger(stated) && stated !== bytes.byteLength)
    throw new PassingFault('network.broken', `Cannot read from ${url.host}: the answer broke off`, placeOf(url));
  return bytes;
}

async function collectBody(url: URL, response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      total += chunk.byteLength;
      if (total > maxBytes) throw tooLarge(url, maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Fault ? error : describeFailure(url, error);
  }
  return Buffer.concat(chunks, total);
}

function tooLarge(url: URL, maxBytes: number): Fault {
  return new Fault('limit.store-answer', `Cannot read from ${url.host}: more than ${maxBytes} bytes`, {
    where: placeOf(url),
  });
}
