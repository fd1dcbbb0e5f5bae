import { BlockList, isIP } from 'node:net';
import { Fault } from '../../../core/index.ts';

/** Hosts of this machine, where no network can listen in. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** How far away an address can be: what is nearer is more ours, and a server has no business there. */
const nearFirst = ['this machine itself', 'an address of this link', 'a private address', 'the internet'] as const;
type Reach = (typeof nearFirst)[number];

/** RFC 6890: what has a meaning only here. */
const ranges: readonly (readonly [Reach, BlockList])[] = [
  ['this machine itself', blockOf('0.0.0.0/8', '127.0.0.0/8', '::/127')],
  ['an address of this link', blockOf('169.254.0.0/16', 'fe80::/10')],
  ['a private address', blockOf('10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7')],
];

function blockOf(...networks: readonly string[]): BlockList {
  const block = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    block.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return block;
}

/** Null for a name, which may lead anywhere. */
function reachOf({ hostname }: URL): Reach | null {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return 'this machine itself';
  const version = isIP(host);
  if (version === 0) return null;
  // IPv6 addresses that hold one of IPv4 are found in its ranges, too.
  const found = ranges.find(([, block]) => block.check(host, version === 6 ? 'ipv6' : 'ipv4'));
  return found?.[0] ?? 'the internet';
}

/**
 * What is wrong with an address that a server gave, by where it is: nearer to us than the server itself. Names are not resolved:
 * by https nobody answers to them whom they do not belong to, and no credentials are sent. Null where nothing is.
 *
 * @param isPublic the server is one of the internet, though it is known by a name
 */
export function inwardProblem(target: URL, server: URL, isPublic: boolean): string | null {
  const reach = reachOf(target);
  const nearest = reachOf(server) ?? (isPublic ? 'the internet' : 'a private address');
  return reach === null || nearFirst.indexOf(reach) >= nearFirst.indexOf(nearest) ? null : reach;
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
