import { Fault } from '../../../core/index.ts';
import type { BundleStore } from '../../../store/index.ts';
import { type HttpSettings, sendRequest, startSearch } from '../http/request.ts';
import { findInLayout } from './find.ts';

/** A directory store that a web server serves: the same layout, to read. Faults: network.*, store.*, usage.read-only. */
export function openWebDirectoryStore(base: URL, settings: HttpSettings): BundleStore {
  const root = base.href.endsWith('/') ? base : new URL(`${base.href}/`);
  const name = `directory:${base.href}`;
  const refuseWriting = (): never => {
    throw new Fault('usage.read-only', `Cannot publish to ${name}: a web server only gives, want a path`, {
      next: 'Publish to directory:PATH and copy it to where the server looks',
    });
  };
  return {
    name,
    async find(digest) {
      const search = startSearch(settings);
      return await findInLayout(digest, {
        placeOf: (path) => new URL(path, root).href,
        async read(path, maxBytes) {
          const url = new URL(path, root);
          const { status, bytes } = await sendRequest({ method: 'GET', url, maxBytes, answers: [200, 404] }, search);
          return status === 404 ? null : bytes;
        },
      });
    },
    plan: refuseWriting,
    put: async () => refuseWriting(),
  };
}
