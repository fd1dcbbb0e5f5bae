import type { Octokit } from 'octokit';
import type { LoopbackGithub } from './github.ts';
import type { Answer, Call } from './server.ts';
import { encodeSnappy } from './snappy.ts';

export type StoredAttestation = {
  readonly id: number;
  readonly bundle: object;
  /** `sha256:…` of the subjects. */
  readonly subjects: readonly string[];
};

type Listed = Awaited<ReturnType<Octokit['rest']['repos']['listAttestations']>>['data'];
type Created = Awaited<ReturnType<Octokit['rest']['repos']['createAttestation']>>['data'];

export function answerAttestations(github: LoopbackGithub, call: Call): Answer | null {
  const path = call.url.pathname;
  if (path === '/repos/acme/nodes/attestations' && call.method === 'POST') return create(github, call);
  const [, owner = '', digest = ''] =
    /^\/(repos\/acme\/nodes|orgs\/acme|users\/acme)\/attestations\/([^/]+)$/.exec(path) ?? [];
  if (owner === '' || call.method !== 'GET') return null;
  const isOrganization = github.settings.owner === 'organization';
  if (owner === (isOrganization ? 'users/acme' : 'orgs/acme')) return null;
  return list(github, call, decodeURIComponent(digest));
}

function create(github: LoopbackGithub, { body }: Call): Answer {
  if (body.byteLength > 16 * 1024 * 1024 + 100)
    return { status: 422, body: { message: 'Bundle is too large', status: '422' } };
  const { bundle } = JSON.parse(body.toString()) as { bundle: { dsseEnvelope?: { payload: string } } };
  const payload = Buffer.from(bundle.dsseEnvelope?.payload ?? '', 'base64').toString();
  const { subject } = JSON.parse(payload === '' ? '{}' : payload) as { subject?: { digest: { sha256: string } }[] };
  if (subject === undefined || subject.length > 1024)
    return { status: 422, body: { message: 'Invalid bundle', status: '422' } };
  const id = github.nextId++;
  github.attestations.push({ id, bundle, subjects: subject.map(({ digest }) => `sha256:${digest.sha256}`) });
  return { status: 201, body: { id } satisfies Created };
}

/** Newest first; the cursor is the id of the last one. */
function list(github: LoopbackGithub, { url }: Call, digest: string): Answer {
  const perPage = Number(url.searchParams.get('per_page') ?? 30);
  const after = Number(url.searchParams.get('after') ?? Number.POSITIVE_INFINITY);
  const all = github.attestations.filter(({ subjects, id }) => subjects.includes(digest) && id < after);
  // GitHub does so; its documentation has an empty list as well.
  if (all.length === 0 && github.settings.noneIs === 404)
    return { status: 404, body: { message: 'Not Found', status: '404' } };
  const page = all.toSorted((a, b) => b.id - a.id).slice(0, perPage);
  const { bundles } = github.settings;
  const attestations = page.map(({ id, bundle }) => ({
    repository_id: 1,
    initiator: 'user',
    ...(bundles === 'storage' ? {} : { bundle }),
    ...(bundles === 'inline' ? {} : { bundle_url: store(github, id, bundle) }),
  })) satisfies Listed['attestations'];
  const next = new URL(url);
  next.searchParams.set('after', String(page.at(-1)?.id));
  const link = all.length > page.length ? { link: `<${next.href}>; rel="next"` } : {};
  return { status: 200, headers: link, body: { attestations } satisfies Listed };
}

function store({ storage }: LoopbackGithub, id: number, bundle: object): string {
  const path = `/attestations/1/2026/11/22/${id}.json.sn`;
  storage.files.set(path, encodeSnappy(Buffer.from(JSON.stringify(bundle))));
  return `${storage.origin}${path}?sig=signed`;
}
