import { setTimeout } from 'node:timers/promises';
import { Fault, type Json, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { callService, type CallOptions, describeAnswer, describeStatus, scrub, type Service } from './service-call.ts';

export type JsonRequest = {
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly secrets: readonly string[];
};

/** Sends a request and reads its JSON answer, at most `limits.signingAnswerBytes`. Faults: those of callService. */
export async function requestJson(service: Service, request: JsonRequest, options: CallOptions): Promise<Json> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await callService(service, request.secrets, () => requestOnce(service, request, options.timeoutMs));
    } catch (error) {
      if (attempt >= options.retries || !isWorthRetrying(error)) throw error;
      await setTimeout(firstPauseMs * 2 ** attempt);
    }
  }
}

const firstPauseMs = 500;

function isWorthRetrying(error: unknown): boolean {
  return error instanceof Fault && error.code.startsWith('network.');
}

async function requestOnce(service: Service, request: JsonRequest, timeoutMs: number): Promise<Json> {
  const response = await fetch(service.url, {
    method: request.method,
    headers: { accept: 'application/json', 'content-type': 'application/json', ...request.headers },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    // What we send is for this service alone.
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const bytes = await readBody(service, response);
  if (!response.ok) throw describeStatus(service, response.status, reasonIn(bytes, request.secrets));
  return parseAnswer(service, bytes);
}

async function readBody(service: Service, response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.byteLength;
    if (total > limits.signingAnswerBytes)
      throw describeAnswer(service, `more than ${limits.signingAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}

function parseAnswer(service: Service, bytes: Buffer): Json {
  try {
    return parseJsonBytes(bytes, 'the answer', limits.signingAnswerBytes);
  } catch {
    throw describeAnswer(service, 'not JSON');
  }
}

/** The `message` of an error as gateways write it. */
function reasonIn(bytes: Buffer, secrets: readonly string[]): string {
  try {
    const answer = parseJsonBytes(bytes, 'the answer', limits.signingAnswerBytes);
    const message = typeof answer === 'object' && answer !== null && 'message' in answer ? answer['message'] : '';
    return typeof message === 'string' ? scrub(message, secrets) : '';
  } catch {
    return '';
  }
}
