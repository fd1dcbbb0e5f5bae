import { createHash } from 'node:crypto';
import type { Octokit } from 'octokit';
import type { LoopbackGithub } from './github.ts';
import type { Answer, Call } from './server.ts';

export type StoredAsset = { readonly id: number; readonly name: string; bytes: Buffer; state: 'uploaded' | 'starter' };
export type StoredRelease = {
  readonly id: number;
  readonly tag: string;
  isDraft: boolean;
  isImmutable: boolean;
  assets: StoredAsset[];
};

type Repos = Octokit['rest']['repos'];
type Release = Awaited<ReturnType<Repos['getReleaseByTag']>>['data'];
type Asset = Awaited<ReturnType<Repos['getReleaseAsset']>>['data'];

const base = '/repos/acme/nodes/releases';
const refs = '/repos/acme/nodes/git/ref/tags/';

type Ref = Awaited<ReturnType<Octokit['rest']['git']['getRef']>>['data'];

function answerTag({ origin, tags }: LoopbackGithub, tag: string): Answer | null {
  if (!tags.has(tag)) return null;
  const url = `${origin}/repos/acme/nodes/git/refs/tags/${tag}`;
  const object = { type: 'commit', sha: '0'.repeat(40), url };
  return { status: 200, body: { ref: `refs/tags/${tag}`, node_id: 'R_1', url, object } satisfies Ref };
}

export function answerReleases(github: LoopbackGithub, call: Call, isKnown: boolean): Answer | null {
  const { method, url } = call;
  const path = decodeURIComponent(url.pathname);
  const visible = github.releases.filter(({ isDraft }) => isKnown || !isDraft);
  const [, tag] = /^\/repos\/acme\/nodes\/releases\/tags\/(.+)$/.exec(path) ?? [];
  if (tag !== undefined) {
    const release = visible.find((each) => each.tag === tag && !each.isDraft);
    return release === undefined ? null : { status: 200, body: renderRelease(github, release) };
  }
  if (path.startsWith(refs)) return answerTag(github, path.slice(refs.length));
  if (path === base && method === 'GET') {
    const newestFirst = visible.toSorted((a, b) => b.id - a.id);
    return paged(
      url,
      newestFirst.map((release) => renderRelease(github, release)),
    );
  }
  if (path === base && method === 'POST') return create(github, call);
  return answerAsset(github, call, path, visible) ?? answerRelease(github, call, path, visible);
}

function answerRelease(
  github: LoopbackGithub,
  { method, url, body }: Call,
  path: string,
  visible: readonly StoredRelease[],
): Answer | null {
  const [, id, assets] = /^\/repos\/acme\/nodes\/releases\/(\d+)(\/assets)?$/.exec(path) ?? [];
  const release = visible.find((each) => each.id === Number(id));
  if (release === undefined) return null;
  if (assets !== undefined)
    return paged(
      url,
      release.assets.map((asset) => renderAsset(github, release, asset)),
    );
  if (method === 'DELETE') {
    github.releases.splice(github.releases.indexOf(release), 1);
    return { status: 204 };
  }
  if (method === 'PATCH') {
    const { draft } = JSON.parse(body.toString()) as { draft: boolean };
    if (!draft && github.releases.some((each) => each !== release && each.tag === release.tag && !each.isDraft))
      return { status: 422, body: { message: 'Validation Failed', errors: [{ code: 'already_exists' }] } };
    release.isDraft = draft;
    release.isImmutable ||= !draft && github.settings.isImmutable;
  }
  return { status: 200, body: renderRelease(github, release) };
}

function answerAsset(
  github: LoopbackGithub,
  { method, url, headers, body }: Call,
  path: string,
  visible: readonly StoredRelease[],
): Answer | null {
  const [, release] = /^\/uploads\/repos\/acme\/nodes\/releases\/(\d+)\/assets$/.exec(path) ?? [];
  const target = visible.find(({ id }) => id === Number(release));
  if (target !== undefined && method === 'POST') {
    const name = url.searchParams.get('name') ?? '';
    if (target.isImmutable)
      return { status: 422, body: { message: 'Cannot upload assets to an immutable release.', status: '422' } };
    if (target.assets.some((each) => each.name === name))
      return { status: 422, body: { message: 'Validation Failed', errors: [{ code: 'already_exists' }] } };
    if (Number(headers['content-length']) !== body.byteLength) return { status: 400 };
    const asset: StoredAsset = { id: github.nextId++, name: renamed(name), bytes: body, state: 'uploaded' };
    target.assets.push(asset);
    return { status: 201, body: renderAsset(github, target, asset) };
  }
  const [, id] = /^\/repos\/acme\/nodes\/releases\/assets\/(\d+)$/.exec(path) ?? [];
  const [, tag, name] = /^\/acme\/nodes\/releases\/download\/(.+)\/([^/]+)$/.exec(path) ?? [];
  for (const each of visible) {
    const asset = each.assets.find(
      (asset) => asset.id === Number(id) || (!each.isDraft && each.tag === tag && asset.name === name),
    );
    if (asset === undefined) continue;
    if (method === 'DELETE') {
      if (each.isImmutable) return { status: 422, body: { message: 'Cannot delete asset from an immutable release' } };
      each.assets.splice(each.assets.indexOf(asset), 1);
      return { status: 204 };
    }
    if (id !== undefined && headers.accept !== 'application/octet-stream')
      return { status: 200, body: renderAsset(github, each, asset) };
    github.storage.files.set(`/release-assets/${asset.id}`, asset.bytes);
    return { status: 302, headers: { location: `${github.storage.origin}/release-assets/${asset.id}?sig=signed` } };
  }
  return null;
}

/** "GitHub renames asset filenames that have special characters." */
function renamed(name: string): string {
  return name.replaceAll(/[^\w.+@-]+/g, '.');
}

function create(github: LoopbackGithub, { body }: Call): Answer {
  const { tag_name: tag, draft } = JSON.parse(body.toString()) as { tag_name: string; draft: boolean };
  if (!draft) throw new Error('a release that is published at once cannot take its assets any more');
  const release = { id: github.nextId++, tag, isDraft: true, isImmutable: false, assets: [] };
  github.releases.push(release);
  return { status: 201, body: renderRelease(github, release) };
}

function paged(url: URL, all: readonly object[]): Answer {
  const perPage = Number(url.searchParams.get('per_page') ?? 30);
  const page = Number(url.searchParams.get('page') ?? 1);
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  const link = all.length > page * perPage ? { link: `<${next.href}>; rel="next", <${url.href}>; rel="last"` } : {};
  return { status: 200, headers: link, body: all.slice((page - 1) * perPage, page * perPage) };
}

const user = {
  login: 'octocat',
  id: 1,
  node_id: 'U_1',
  avatar_url: 'https://github.example/avatar',
  gravatar_id: '',
  url: 'https://github.example/users/octocat',
  html_url: 'https://github.example/octocat',
  followers_url: '',
  following_url: '',
  gists_url: '',
  starred_url: '',
  subscriptions_url: '',
  organizations_url: '',
  repos_url: '',
  events_url: '',
  received_events_url: '',
  type: 'User',
  site_admin: false,
};

function renderAsset(github: LoopbackGithub, release: StoredRelease, { id, name, bytes, state }: StoredAsset): Asset {
  const time = '2026-11-22T12:00:00Z';
  return {
    url: `${github.origin}${base}/assets/${id}`,
    browser_download_url: `${github.origin}/acme/nodes/releases/download/${encodeURIComponent(release.tag)}/${name}`,
    id,
    node_id: `RA_${id}`,
    name,
    label: '',
    // The documentation says `starter` where the types say `open`.
    state: state as Asset['state'],
    content_type: 'application/octet-stream',
    size: bytes.byteLength,
    digest: github.settings.hasDigests ? `sha256:${createHash('sha256').update(bytes).digest('hex')}` : null,
    download_count: 0,
    created_at: time,
    updated_at: time,
    uploader: user,
  };
}

function renderRelease(github: LoopbackGithub, release: StoredRelease): Release {
  const { id, tag, isDraft, isImmutable, assets } = release;
  const time = '2026-11-22T12:00:00Z';
  return {
    url: `${github.origin}${base}/${id}`,
    html_url: `${github.origin}/acme/nodes/releases/tag/${tag}`,
    assets_url: `${github.origin}${base}/${id}/assets`,
    upload_url: `${github.origin}/uploads${base}/${id}/assets{?name,label}`,
    tarball_url: null,
    zipball_url: null,
    id,
    node_id: `RE_${id}`,
    tag_name: tag,
    target_commitish: 'main',
    name: tag,
    body: null,
    draft: isDraft,
    prerelease: false,
    immutable: isImmutable,
    created_at: time,
    published_at: isDraft ? null : time,
    author: user,
    assets: assets.map((asset) => renderAsset(github, release, asset)),
  };
}
