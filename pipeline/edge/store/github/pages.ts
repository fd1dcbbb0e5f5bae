import { Fault, limits } from '../../../core/index.ts';

/**
 * The `after` cursor in a link to the next page (RFC 8288), null where none follows. Only that is taken of it: the page is asked for
 * where the first was. Fault: store.pages (a page follows, and it cannot be told which).
 */
export function nextCursor(link: string | null): string | null {
  const target = nextAddress(link);
  if (target === null) return null;
  const cursor = target.searchParams.get('after');
  if (cursor !== null && /^[\x21-\x7e]{1,1024}$/.test(cursor)) return cursor;
  throw unclearNext();
}

/** The place after a page of numbered ones, as readPages counts it; null where no page follows. Fault: store.pages. */
export function nextOffset(link: string | null, offset: number, perPage: number): string | null {
  return nextAddress(link) === null ? null : String(offset + perPage);
}

function nextAddress(link: string | null): URL | null {
  const links = (link ?? '').slice(0, limits.addressBytes);
  for (const each of links.split(',')) {
    const [, target = ''] = /^\s*<([^<>]{1,8192})>\s*;\s*rel="?next"?\s*$/.exec(each) ?? [];
    const url = URL.parse(target);
    if (url !== null) return url;
  }
  // In another form, or behind the cap: the end would be told where it is not.
  if (/rel="?next/i.test(links) || (link ?? '').length > limits.addressBytes) throw unclearNext();
  return null;
}

function unclearNext(): Fault {
  return new Fault('store.pages', 'Cannot read on: the link to the next page is not one that GitHub gives');
}

export type PagePlace = { readonly perPage: number; readonly after: string | null };

export type Page<T> = {
  readonly entries: readonly T[];
  /** The place of the next page, null where none follows; asked once the entries are taken. */
  readonly next: () => string | null;
};

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
  most: number = limits.storePages,
): AsyncGenerator<readonly T[]> {
  let after: string | null = null;
  let size = 0;
  for (let pages = 0; pages < most;) {
    const perPage: number = sizes[size] ?? 1;
    let page: Page<T> | null;
    try {
      page = await list({ perPage, after });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'limit.store-answer' || perPage === 1) throw error;
      size++;
      continue;
    }
    if (page === null && after !== null) throw new Fault('store.pages', 'Cannot read on: the next page is not there');
    if (page === null) return;
    yield page.entries;
    const next = page.next();
    if (next === null) return;
    if (next === after) throw new Fault('store.pages', 'Cannot read on: the next page is the same again');
    after = next;
    pages++;
  }
  throw new Fault('limit.store-pages', `Cannot read on: more than ${most} pages`);
}
