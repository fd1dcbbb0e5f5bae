import { answerAttestations, type StoredAttestation } from './attestations.ts';
import { answerReleases, type StoredRelease } from './releases.ts';
import { type Answer, type Call, openLoopbackServer } from './server.ts';

export const token = 'ghs_correctHorse';

/**
 * GitHub in memory: attestations and releases of acme/nodes as its REST API has them, and on another origin the storage that
 * it points to. A test may change every answer.
 */
export type LoopbackGithub = AsyncDisposable & {
  readonly origin: string;
  readonly calls: Call[];
  /** Elsewhere: whoever sends it credentials has lost them. */
  readonly storage: { readonly origin: string; readonly calls: Call[]; readonly files: Map<string, Buffer> };
  readonly attestations: StoredAttestation[];
  readonly releases: StoredRelease[];
  readonly tags: Set<string>;
  readonly settings: {
    /** Where the bundle of an attestation comes out. */
    bundles: 'inline' | 'storage' | 'both';
    /** What acme is: attestations are listed for organizations and users by different routes. */
    owner: 'organization' | 'user';
    /** What a list of no attestations is answered with. */
    noneIs: 200 | 404;
    /** Whether releases become immutable when they are published. */
    isImmutable: boolean;
    /** Whether assets have their `digest`, as all newer ones. */
    hasDigests: boolean;
    /** What anybody may read without a token. */
    isPublic: boolean;
  };
  /** What a test puts in front: an answer of its own, or a change of the right one. */
  interfere: ((call: Call, answer: () => Answer) => Answer | undefined) | null;
  interfereStorage: ((call: Call, answer: () => Answer) => Answer | undefined) | null;
  nextId: number;
};

export async function openLoopbackGithub(): Promise<LoopbackGithub> {
  const storage = await openLoopbackServer((call) => {
    const right = (): Answer => {
      const body = github.storage.files.get(call.url.pathname);
      return body === undefined ? { status: 404 } : { status: 200, body };
    };
    return github.interfereStorage?.(call, right) ?? right();
  });
  const api = await openLoopbackServer((call) => {
    const right = (): Answer => answer(github, call);
    return github.interfere?.(call, right) ?? right();
  });
  const github: LoopbackGithub = {
    origin: api.origin,
    calls: api.calls,
    storage: { origin: storage.origin, calls: storage.calls, files: new Map() },
    attestations: [],
    releases: [],
    tags: new Set(['v1']),
    settings: {
      bundles: 'inline',
      owner: 'organization',
      noneIs: 404,
      isImmutable: false,
      hasDigests: true,
      isPublic: true,
    },
    interfere: null,
    interfereStorage: null,
    nextId: 1,
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
    },
  };
  return github;
}

function answer(github: LoopbackGithub, call: Call): Answer {
  const { authorization } = call.headers;
  if (authorization !== undefined && authorization !== `Bearer ${token}`)
    return { status: 401, body: { message: 'Bad credentials', status: '401' } };
  const isKnown = authorization !== undefined;
  if (!isKnown && !github.settings.isPublic) return notFound;
  if (!isKnown && call.method !== 'GET')
    return { status: 401, body: { message: 'Requires authentication', status: '401' } };
  if (call.url.pathname === '/repos/acme/nodes') return { status: 200, body: { id: 1, full_name: 'acme/nodes' } };
  if (call.url.pathname === '/users/acme') return { status: 200, body: { id: 1, login: 'acme' } };
  return answerAttestations(github, call) ?? answerReleases(github, call, isKnown) ?? notFound;
}

const notFound: Answer = { status: 404, body: { message: 'Not Found', status: '404' } };
