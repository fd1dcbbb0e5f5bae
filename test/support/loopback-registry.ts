import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type RegistryCall = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
};
export type RegistryAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Sent only so far, then the connection breaks. */
  readonly breaksAfter?: number;
  /** Never answered. */
  readonly hangs?: boolean;
};

/** An OCI registry in memory (distribution-spec v1.1), whose answers a test may change. */
export type LoopbackRegistry = AsyncDisposable & {
  readonly origin: string;
  /** `127.0.0.1:PORT/nodes` */
  readonly repository: string;
  readonly calls: RegistryCall[];
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly type: string }>;
  readonly tags: Map<string, string>;
  /** What a test puts in front: an answer of its own, or a change of the right one. */
  interfere: ((call: RegistryCall, answer: () => RegistryAnswer) => RegistryAnswer | undefined) | null;
};

export type RegistryOptions = { readonly referrers?: boolean; readonly pageSize?: number };

export async function openLoopbackRegistry(options: RegistryOptions = {}): Promise<LoopbackRegistry> {
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const registry: LoopbackRegistry = {
    origin: `http://127.0.0.1:${port}`,
    repository: `127.0.0.1:${port}/nodes`,
    calls: [],
    blobs: new Map(),
    manifests: new Map(),
    tags: new Map(),
    interfere: null,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', registry.origin);
    const call = { method: request.method ?? 'GET', url, headers: request.headers, body: Buffer.concat(chunks) };
    registry.calls.push(call);
    const right = () => answer(registry, options, call);
    const { status, headers = {}, body = '', breaksAfter, hangs } = registry.interfere?.(call, right) ?? right();
    if (hangs === true) return;
    const bytes = Buffer.from(body);
    response.writeHead(status, { 'content-length': bytes.byteLength, ...headers });
    if (breaksAfter === undefined) response.end(call.method === 'HEAD' ? '' : bytes);
    else response.write(bytes.subarray(0, breaksAfter), () => setTimeout(() => response.destroy(), 10));
  }
  return registry;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function answer(registry: LoopbackRegistry, options: RegistryOptions, call: RegistryCall): RegistryAnswer {
  const [, kind = '', name = ''] = /^\/v2\/nodes\/(blobs|manifests|referrers)\/(.*)$/.exec(call.url.pathname) ?? [];
  if (kind === 'blobs') return answerBlob(registry, call, name);
  if (kind === 'manifests') return answerManifest(registry, call, name);
  if (kind === 'referrers' && options.referrers === true) return answerReferrers(registry, options, call, name);
  return { status: 404 };
}

function answerBlob({ blobs }: LoopbackRegistry, { method, url, body }: RegistryCall, name: string): RegistryAnswer {
  if (method === 'POST' && name === 'uploads/')
    return { status: 202, headers: { location: '/v2/nodes/blobs/uploads/1?state=a' } };
  if (method === 'PUT' && name === 'uploads/1') {
    const digest = url.searchParams.get('digest') ?? '';
    if (sha256(body) !== digest || url.searchParams.get('state') !== 'a') return { status: 400 };
    blobs.set(digest, body);
    return { status: 201 };
  }
  const blob = blobs.get(name);
  return blob === undefined ? { status: 404 } : { status: 200, body: blob };
}

function answerManifest(registry: LoopbackRegistry, call: RegistryCall, name: string): RegistryAnswer {
  const { manifests, tags, blobs } = registry;
  if (call.method === 'PUT') {
    const digest = sha256(call.body);
    const tagged = tags.get(name);
    const condition = call.headers['if-match'];
    if (condition !== undefined && condition !== `"${tagged}"`) return { status: 412 };
    const parsed = JSON.parse(call.body.toString()) as {
      layers?: { digest: string }[];
      manifests?: { digest: string }[];
    };
    if (parsed.layers?.some((layer) => !blobs.has(layer.digest)) === true) return { status: 400 };
    if (parsed.manifests?.some((each) => !manifests.has(each.digest)) === true) return { status: 400 };
    manifests.set(digest, { bytes: call.body, type: call.headers['content-type'] ?? '' });
    if (!name.startsWith('sha256:')) tags.set(name, digest);
    return { status: 201, headers: { 'docker-content-digest': digest } };
  }
  const digest = tags.get(name) ?? name;
  const manifest = manifests.get(digest);
  if (manifest === undefined) return { status: 404 };
  return { status: 200, headers: { 'content-type': manifest.type, etag: `"${digest}"` }, body: manifest.bytes };
}

function answerReferrers(
  { manifests }: LoopbackRegistry,
  { pageSize = 100 }: RegistryOptions,
  { url }: RegistryCall,
  subject: string,
): RegistryAnswer {
  const referrers = [...manifests].flatMap(([digest, { bytes, type }]) => {
    const manifest = JSON.parse(bytes.toString()) as { subject?: { digest: string }; artifactType?: string };
    if (manifest.subject?.digest !== subject) return [];
    return [{ mediaType: type, digest, size: bytes.byteLength, artifactType: manifest.artifactType }];
  });
  const start = Number(url.searchParams.get('start') ?? 0);
  const page = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: referrers.slice(start, start + pageSize),
  };
  const more = start + pageSize < referrers.length;
  return {
    status: 200,
    headers: {
      'content-type': page.mediaType,
      ...(more ? { link: `<${url.pathname}?start=${start + pageSize}>; rel="next"` } : {}),
    },
    body: JSON.stringify(page),
  };
}
