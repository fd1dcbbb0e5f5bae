import { Fault } from '../../../core/index.ts';
import type { BlobCache, BundleStore } from '../../../store/index.ts';
import { type HttpSettings, sendRequest, startSearch } from '../http/request.ts';
import { findInLayout, type LayoutReader } from './find.ts';

/**
 * A directory store that a web server serves: the same layout, to read. Faults: network.*, store.*, usage.read-only.
 *
 * @param blobs bytes that need not be sent again: the index is asked for each time, what it lists is named by digest
 */
export function openWebDirectoryStore(base: URL, settings: HttpSettings, blobs: BlobCache | null = null): BundleStore {
  const root = base.href.endsWith('/') ? base : new URL(`${base.href}/`);
  const name = `directory:${base.href}`;
  const refuseWriting = (): never => {
    throw new Fault('usage.read-only', `Cannot publish to ${name}: a web server only gives, want a path`, {
      next: 'Publish to directory:PATH and copy it to where the server looks',
    });
  };
  return {
    name,
    async find(digest, intake) {
      const search = startSearch(settings);
      const reader: LayoutReader = {
        placeOf: (path) => new URL(path, root).href,
        async read(path, maxBytes) {
          const url = new URL(path, root);
          const { status, bytes } = await sendRequest({ method: 'GET', url, maxBytes, answers: [200, 404] }, search);
          return status === 404 ? null : bytes;
        },
      };
      return await findInLayout(digest, reader, intake, blobs);
    },
    plan: refuseWriting,
    put: async () => refuseWriting(),
  };
}
