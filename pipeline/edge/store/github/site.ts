import { Fault } from '../../../core/index.ts';

/** The origins that belong to one GitHub: github.com, a GitHub Enterprise Server, or a tenant of ghe.com. */
export type GithubSite = {
  /** Where the REST API is, without a slash at the end. */
  readonly api: URL;
  /** Of github.com or ghe.com; another one may be in a private network. */
  readonly isCloud: boolean;
  readonly webOrigin: string;
  /** Where files of releases may be uploaded to, with the token. */
  readonly uploadOrigins: readonly string[];
};

/** Derives them from the API's address: `https://api.github.com`, `https://HOST/api/v3` or `https://api.SUB.ghe.com`. */
export function describeSite(api: URL): GithubSite {
  const { origin, hostname } = api;
  const isCloud = hostname === 'api.github.com' || /^api\.[a-z0-9-]+\.ghe\.com$/.test(hostname);
  if (!isCloud) return { api, isCloud, webOrigin: origin, uploadOrigins: [origin] };
  const domain = hostname.slice('api.'.length);
  return { api, isCloud, webOrigin: `https://${domain}`, uploadOrigins: [origin, `https://uploads.${domain}`] };
}

export type GithubRepository = { readonly owner: string; readonly repo: string };

const ownerForm = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
const repositoryForm = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

/** Reads `OWNER/REPO`, or `OWNER` for all repositories of an organization or user. Fault: usage.store. */
export function parseOwner(text: string): { readonly owner: string; readonly repo: string | null } {
  const [owner = '', repo, ...others] = text.split('/');
  if (ownerForm.test(owner) && others.length === 0 && (repo === undefined || repositoryForm.test(repo)))
    return { owner, repo: repo ?? null };
  throw badPlace(text, 'OWNER/REPO or OWNER');
}

export type GithubTag = GithubRepository & { readonly tag: string };

/** Reads `OWNER/REPO@TAG`; the tag is one that git-check-ref-format(1) takes. Fault: usage.store. */
export function parseTag(text: string): GithubTag {
  const at = text.indexOf('@');
  const [owner = '', repo = '', ...others] = text.slice(0, Math.max(at, 0)).split('/');
  const tag = text.slice(at + 1);
  const isTag = /^[\x21-\x7e]{1,250}$/.test(tag) && !/[~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|[/.]$|\/\.|\.lock$/.test(tag);
  if (isTag && others.length === 0 && ownerForm.test(owner) && repositoryForm.test(repo)) return { owner, repo, tag };
  throw badPlace(text, 'OWNER/REPO@TAG');
}

function badPlace(text: string, wanted: string): Fault {
  return new Fault('usage.store', `Cannot use ${JSON.stringify(text.slice(0, 200))} on GitHub: want ${wanted}`);
}
