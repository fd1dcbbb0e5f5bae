import * as z from 'zod/mini';
import { Fault, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { publicGoodServices, type SigningServices } from './services.ts';

/** The Sigstore instances that GitHub's workflows may use, as actions/attest names them. */
export const sigstoreInstances = ['public-good', 'github'] as const;
export type SigstoreInstance = (typeof sigstoreInstances)[number];

/** The instance that signs for a run. */
export type ChosenInstance = {
  readonly name: SigstoreInstance;
  readonly services: SigningServices;
  /** What whoever gets the signatures should know. */
  readonly notes: readonly string[];
};

/** What is known of the repository: by the event that started the run, and by its identity token. */
export type KnownVisibility = { readonly event: string | undefined; readonly token: string | undefined };

/**
 * Chooses the instance for a GitHub workflow: Sigstore's public one for a public repository, else GitHub's own, which has
 * no log. A log tells everybody the names of repository and workflow for ever: what is not known to be public is not put there.
 * Fault: config.sigstore, on a server that has no instance.
 */
export function chooseInstance(server: string, visibility: KnownVisibility): ChosenInstance {
  const own = githubServices(server);
  const known = [visibility.event, visibility.token].filter((each) => each !== undefined);
  if (known.length > 0 && known.every((each) => each === 'public') && server === githubServer)
    return { name: 'public-good', services: publicGoodServices, notes: [] };
  return {
    name: 'github',
    services: own,
    notes: [`${reasonOf(server, known)}, so GitHub's own Sigstore signed: ${needsRoot}`],
  };
}

const needsRoot =
  'verifiers need its trusted root, as gh attestation trusted-root prints it, and take it without a log';

function reasonOf(server: string, known: readonly string[]): string {
  if (server !== githubServer) return `the repository lies on ${server}`;
  if (known.length === 0) return 'the visibility of the repository is not known and counts as private';
  return known.includes('public')
    ? 'event and identity token contradict each other on the visibility of the repository, which counts as private'
    : 'the repository is not public';
}

/** The instance that was asked for, whatever the repository is. Fault: config.sigstore. */
export function namedInstance(name: SigstoreInstance, server: string): ChosenInstance {
  if (name === 'public-good') return { name, services: publicGoodServices, notes: [] };
  return { name, services: githubServices(server), notes: [`GitHub's own Sigstore signed: ${needsRoot}`] };
}

const githubServer = 'https://github.com';

/** GitHub's own Sigstore: certificates and timestamps, no log. Each tenant of ghe.com has one; other servers have none. */
function githubServices(server: string): SigningServices {
  const tenant = /^https:\/\/([a-z0-9][a-z0-9-]{0,62}\.ghe\.com)$/.exec(server)?.[1];
  if (server !== githubServer && tenant === undefined)
    throw new Fault(
      'config.sigstore',
      `Cannot sign without a key on ${server.slice(0, 200)}: it has no Sigstore instance`,
      {
        next: 'Use --key, or --signing-config with a Sigstore of your own',
      },
    );
  const domain = tenant ?? 'githubapp.com';
  return {
    certificateAuthority: `https://fulcio.${domain}`,
    logs: [],
    timestampAuthorities: [`https://timestamp.${domain}/api/v1/timestamp`],
  };
}

const eventSchema = z.object({
  repository: z.object({ visibility: z.optional(z.string()), private: z.optional(z.boolean()) }),
});

/** The visibility of the repository in the event that started a run; undefined where it does not say, or cannot be read. */
export function parseEventVisibility(event: Uint8Array): string | undefined {
  const parsed = eventSchema.safeParse(parseEvent(event));
  if (!parsed.success) return undefined;
  const { visibility, private: isPrivate } = parsed.data.repository;
  if (visibility !== undefined) return visibility;
  return isPrivate === undefined ? undefined : isPrivate ? 'private' : 'public';
}

function parseEvent(event: Uint8Array): unknown {
  try {
    return parseJsonBytes(event, 'the event', limits.githubEventBytes);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
