import { Fault } from '../../../core/index.ts';
import { isLoopback, parseAddress } from '../http/address.ts';

/** A repository of a registry. */
export type RepositoryReference = {
  /** As it was named. */
  readonly name: string;
  /** As credentials are kept for it. */
  readonly host: string;
  readonly origin: URL;
  readonly repository: string;
};

/** Names that stand for another host, as docker(1) has them. */
const aliases: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryForm = new RegExp(`^${component}(?:/${component})*$`);

/**
 * Parses `[https://]HOST[:PORT]/REPOSITORY`; loopback hosts are asked over http unless https:// stands there.
 * Faults: usage.address, usage.repository.
 */
export function parseRepository(text: string, plainHttp: boolean): RepositoryReference {
  const [, scheme, host = '', repository = ''] = /^(https?:\/\/)?([^/]+)\/(.*)$/.exec(text) ?? [];
  if (host === '' || repository.length > 255 || !repositoryForm.test(repository)) {
    throw new Fault(
      'usage.repository',
      `Cannot use repository ${JSON.stringify(text.slice(0, 300))}: want HOST[:PORT]/NAME in lower case, without tag and digest`,
    );
  }
  const reached = aliases[host] ?? host;
  const bare = URL.parse(`http://${reached}`);
  const assumed = bare !== null && (plainHttp || isLoopback(bare)) ? 'http://' : 'https://';
  const origin = parseAddress(`${scheme ?? assumed}${reached}`, plainHttp);
  return { name: `${host}/${repository}`, host, origin, repository };
}
