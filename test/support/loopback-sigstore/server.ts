import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

export type Answer = {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly type?: string;
  /** How long the answer waits, for time-outs. */
  readonly delayMs?: number;
};

export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value), type: 'application/json' };
}

/** An error as the gateways of Sigstore's services write it. */
export function refusal(status: number, message: string): Answer {
  return jsonAnswer(status, { code: 3, message, details: [] });
}

export type Call = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly body: Buffer;
};

/** Serves on a free port of 127.0.0.1. What `answer` throws becomes a 400, as malformed requests do. */
export async function listen(answer: (call: Call) => Answer): Promise<{ origin: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    void reply(request, response, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (call: Call) => Answer,
): Promise<void> {
  const { status, body, type, delayMs } = answerSafely(answer, await readCall(request));
  if (delayMs !== undefined) await setTimeout(delayMs, undefined, { ref: false });
  response.writeHead(status, { 'content-type': type ?? 'text/plain' }).end(body);
}

function answerSafely(answer: (call: Call) => Answer, call: Call): Answer {
  try {
    return answer(call);
  } catch (error) {
    return refusal(400, error instanceof Error ? error.message : String(error));
  }
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    authorization: request.headers.authorization,
    body: Buffer.concat(chunks),
  };
}
