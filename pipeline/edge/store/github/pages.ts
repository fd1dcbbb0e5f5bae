import { Fault, limits } from '../../../core/index.ts';

/** The `after` cursor in a link to the next page (RFC 8288). Only that is taken of it: the page is asked for where the first was. */
export function nextCursor(link: string | null): string | null {
  const target = nextAddress(link);
  const cursor = target?.searchParams.get('after') ?? null;
  return cursor !== null && /^[\x21-\x7e]{1,1024}$/.test(cursor) ? cursor : null;
}

/** The place after a page of numbered ones, as readPages counts it; null where no page follows. */
export function nextOffset(link: string | null, offset: number, perPage: number): string | null {
  return nextAddress(link) === null ? null : String(offset + perPage);
}

function nextAddress(link: string | null): URL | null {
  for (const each of (link ?? '').slice(0, limits.addressBytes).split(',')) {
    const [, target = ''] = /^\s*<([^<>]{1,8192})>\s*;\s*rel="?next"?\s*$/.exec(each) ?? [];
    if (target !== '') return URL.parse(target);
  }
  return null;
}

export type PagePlace = { readonly perPage: number; readonly after: string | null };

export type Page<T> = { readonly entries: readonly T[]; readonly after: string | null };

/** Entries of a page: fewer where a page is too large for its cap, as bundles of 16 MiB make it. */
const perPages = [30, 5, 1];

/** Of numbered pages: each is a multiple of the next, so that a smaller page begins where the larger one would have. */
export const numberedPerPages = [100, 20, 1];

/**
 * Reads page after page, by cursors or by offsets; ends where there is none. Faults: limit.store-pages, store.pages (a cursor that leads
 * nowhere), limit.store-answer (one entry alone is too large), and those of `list`.
 */
export async function* readPages<T>(
  list: (page: PagePlace) => Promise<Page<T> | null>,
  sizes: readonly number[] = perPages,
): AsyncGenerator<readonly T[]> {
  let after: string | null = null;
  let size = 0;
  for (let pages = 0; pages < limits.storePages;) {
    const perPage: number = sizes[size] ?? 1;
    let page: Page<T> | null;
    try {
      page = await list({ perPage, after });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'limit.store-answer' || perPage === 1) throw error;
      size++;
      continue;
    }
    if (page === null) return;
    yield page.entries;
    if (page.after === null) return;
    if (page.after === after) throw new Fault('store.pages', 'Cannot read on: the next page is the same again');
    after = page.after;
    pages++;
  }
  throw new Fault('limit.store-pages', `Cannot read on: more than ${limits.storePages} pages`);
}
