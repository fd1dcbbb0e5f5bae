import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Call = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
};

export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON. */
  readonly body?: Uint8Array | string | object;
  /** Sent only so far, then the connection breaks. */
  readonly breaksAfter?: number;
  /** Never answered. */
  readonly hangs?: boolean;
};

export type LoopbackServer = AsyncDisposable & { readonly origin: string; readonly calls: Call[] };

/** A server of this process that remembers what it was asked. */
export async function openLoopbackServer(answer: (call: Call) => Answer): Promise<LoopbackServer> {
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const calls: Call[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', origin);
    const call = { method: request.method ?? 'GET', url, headers: request.headers, body: Buffer.concat(chunks) };
    calls.push(call);
    const { status, headers = {}, body = '', breaksAfter, hangs } = answer(call);
    if (hangs === true) return;
    const isJson = typeof body === 'object' && !(body instanceof Uint8Array);
    const bytes = Buffer.from(isJson ? JSON.stringify(body) : body);
    response.writeHead(status, {
      ...(isJson ? { 'content-type': 'application/json; charset=utf-8' } : {}),
      ...(status === 204 ? {} : { 'content-length': bytes.byteLength }),
      ...headers,
    });
    if (breaksAfter === undefined) response.end(status === 204 ? undefined : bytes);
    else response.write(bytes.subarray(0, breaksAfter), () => setTimeout(() => response.destroy(), 10));
  }

  return {
    origin,
    calls,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
