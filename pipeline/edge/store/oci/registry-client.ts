import { Digest, Fault, limits } from '../../../core/index.ts';
import { indexType, manifestType } from '../../../store/index.ts';
import { checkDigest } from '../directory/find.ts';
import { placeOf } from '../http/failure.ts';
import {
  type HttpAnswer,
  type HttpRequest,
  type HttpSettings,
  retryPassing,
  sendOnce,
  sendRequest,
} from '../http/request.ts';
import { type Access, answerChallenge } from './authorization.ts';
import type { RepositoryReference } from './reference.ts';

export type Manifest = {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly etag: string | null;
};

/**
 * One repository of a registry (OCI distribution-spec v1.1). Whatever comes under a digest is checked against it.
 * Faults: network.*, store.*, config.token-host, limit.store-answer.
 */
export class RegistryClient {
  readonly reference: RepositoryReference;
  readonly #access: Access;
  readonly #settings: HttpSettings;
  #authorization: string | null = null;
  #renewal: Promise<void> | null = null;

  constructor(reference: RepositoryReference, access: Access, settings: HttpSettings) {
    this.reference = reference;
    this.#access = access;
    this.#settings = settings;
  }

  addressOf(path: string): URL {
    return new URL(`/v2/${this.reference.repository}/${path}`, this.reference.origin);
  }

  /** A manifest or index by digest or tag; null where there is none. */
  async readManifest(name: Digest | string): Promise<Manifest | null> {
    const reference = typeof name === 'string' ? name : Digest.format(name);
    const url = this.addressOf(`manifests/${reference}`);
    const accept = `${manifestType}, ${indexType}, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json`;
    const request = { method: 'GET', url, headers: { accept }, maxBytes: limits.storeManifestBytes } as const;
    const { status, bytes, headers } = await this.#exchange({ ...request, answers: [200, 404] }, sendRequest);
    if (status === 404) return null;
    if (typeof name !== 'string') checkDigest(bytes, name, `manifest ${reference}`);
    const mediaType = (headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '';
    return { bytes, digest: Digest.of('sha256', bytes), mediaType, etag: headers.get('etag') };
  }

  async hasManifest(digest: Digest): Promise<boolean> {
    return await this.#has(`manifests/${Digest.format(digest)}`, { accept: `${manifestType}, ${indexType}` });
  }

  /** Puts a manifest under its digest, or under a tag. False where it changed meanwhile: its etag is another one. */
  async writeManifest(
    name: Digest | string,
    bytes: Uint8Array,
    mediaType: string,
    etag: string | null = null,
  ): Promise<boolean> {
    const url = this.addressOf(`manifests/${typeof name === 'string' ? name : Digest.format(name)}`);
    const headers = { 'content-type': mediaType, ...(etag === null ? {} : { 'if-match': etag }) };
    const body = new Blob([new Uint8Array(bytes)]);
    const request = { method: 'PUT', url, headers, body, maxBytes: limits.serverWordBytes } as const;
    const answer = await this.#exchange({ ...request, answers: [200, 201, 202, 412] }, sendRequest);
    if (answer.status === 412) return false;
    const taken = answer.headers.get('docker-content-digest');
    const sent = Digest.format(Digest.of('sha256', bytes));
    if (taken !== null && taken !== sent)
      throw new Fault(
        'store.digest',
        `Cannot publish to ${this.reference.name}: it took the manifest for another one`,
        {
          where: placeOf(url),
        },
      );
    return true;
  }

  async readBlob(digest: Digest, sizeBytes: number): Promise<Uint8Array> {
    const url = this.addressOf(`blobs/${Digest.format(digest)}`);
    const maxBytes = Math.min(sizeBytes, limits.bundleBytes);
    const { bytes } = await this.#exchange({ method: 'GET', url, maxBytes, answers: [200] }, sendRequest);
    checkDigest(bytes, digest, 'blob');
    return bytes;
  }

  /** Uploads a blob in one piece, streamed, where it is not there yet. True where it was sent. */
  async writeBlob(digest: Digest, content: Blob): Promise<boolean> {
    if (await this.#has(`blobs/${Digest.format(digest)}`, {})) return false;
    // An upload that broke off is begun anew: its session belongs to the attempt.
    await retryPassing(this.#settings, async () => {
      const start = {
        method: 'POST',
        url: this.addressOf('blobs/uploads/'),
        maxBytes: limits.serverWordBytes,
      } as const;
      const session = await this.#exchange({ ...start, body: new Blob([]), answers: [202] }, sendOnce);
      const url = this.#uploadAddress(session);
      url.searchParams.set('digest', Digest.format(digest));
      const headers = { 'content-type': 'application/octet-stream' };
      const request = { method: 'PUT', url, headers, body: content, maxBytes: limits.serverWordBytes } as const;
      await this.#exchange({ ...request, answers: [201, 204] }, sendOnce);
    });
    return true;
  }

  /** One page of the referrers API, and the link to the next; null where the registry has no such API. */
  async readReferrers(url: URL): Promise<{ readonly bytes: Uint8Array; readonly link: string | null } | null> {
    const request = { method: 'GET', url, headers: { accept: indexType }, maxBytes: limits.storeIndexBytes } as const;
    const { status, bytes, headers } = await this.#exchange({ ...request, answers: [200, 404, 405] }, sendRequest);
    return status === 200 ? { bytes, link: headers.get('link') } : null;
  }

  /** RFC 8288: the address in a link to the next page. Pages of another server are not of this registry. */
  nextPage(link: string | null, url: URL): URL | null {
    const [, target] = /<([^<>]{1,4096})>\s*;\s*rel="?next"?/.exec(link ?? '') ?? [];
    if (target === undefined) return null;
    const next = URL.parse(target, url.href);
    if (next?.origin === this.reference.origin.origin) return next;
    throw new Fault('store.pages', `Cannot read on at ${this.reference.name}: the next page is elsewhere`, {
      where: placeOf(url),
    });
  }

  async #has(path: string, headers: Readonly<Record<string, string>>): Promise<boolean> {
    const request = { method: 'HEAD', url: this.addressOf(path), headers, maxBytes: 0 } as const;
    const { status } = await this.#exchange({ ...request, answers: [200, 404] }, sendRequest);
    return status === 200;
  }

  /** A request and, where the registry asks who we are, the same request with the answer. */
  async #exchange(request: HttpRequest, send: typeof sendRequest): Promise<HttpAnswer> {
    const authorization = this.#authorization;
    const answers = [...request.answers, 401];
    const maxBytes = Math.max(request.maxBytes, limits.serverWordBytes);
    const answer = await send({ ...request, authorization, answers, maxBytes }, this.#settings);
    if (answer.status !== 401) return answer;
    await this.#authorize(authorization, answer.headers.get('www-authenticate'));
    return await send({ ...request, authorization: this.#authorization }, this.#settings);
  }

  /** Requests that are refused at the same time are answered once. */
  async #authorize(refused: string | null, challenge: string | null): Promise<void> {
    if (this.#authorization !== refused) return;
    this.#renewal ??= answerChallenge(challenge, this.reference, this.#access, this.#settings)
      .then((authorization) => void (this.#authorization = authorization))
      .finally(() => {
        this.#renewal = null;
      });
    await this.#renewal;
  }

  /** The content and our credentials go to the registry itself, wherever its answer points. */
  #uploadAddress({ headers, url }: HttpAnswer): URL {
    const address = URL.parse(headers.get('location') ?? '', url.href);
    if (address?.origin === this.reference.origin.origin) return address;
    throw new Fault('store.redirect', `Cannot upload to ${this.reference.name}: it wants the content sent elsewhere`, {
      where: placeOf(url),
    });
  }
}
