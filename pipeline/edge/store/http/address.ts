import { Fault } from '../../../core/index.ts';

/** Hosts of this machine, where no network can listen in. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/**
 * Reads an address of http or https without credentials, query and fragment. Plain http is for loopback, or where the user
 * asked for it by name. Faults: usage.address.
 */
export function parseAddress(text: string, plainHttp: boolean): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw badAddress(text, 'want https://HOST[:PORT][/PATH]');
  if (url.username !== '' || url.password !== '')
    throw badAddress(url.host, 'it holds credentials, want them in a file of their own');
  if (url.search !== '' || url.hash !== '') throw badAddress(text, 'it has a query or a fragment, want none');
  if (!isAllowedScheme(url, plainHttp)) {
    throw new Fault('usage.address', `Cannot use ${url.origin}: plain http, want https`, {
      where: url.origin,
      next: 'Anyone on the way could read and change what is sent; --plain-http allows it all the same',
    });
  }
  return url;
}

export function isAllowedScheme(url: URL, plainHttp: boolean): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && (plainHttp || isLoopback(url)));
}

function badAddress(text: string, problem: string): Fault {
  return new Fault('usage.address', `Cannot use address ${JSON.stringify(text.slice(0, 200))}: ${problem}`);
}
