import * as z from 'zod/mini';
import { parseWith } from '../formats/schema/index.ts';

const text = z.string().check(z.minLength(1), z.maxLength(2048));
const number = z.string().check(z.regex(/^[0-9]{1,20}$/));
const gitObject = z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/));

/** What GitHub's tokens say of a run (docs: "OpenID Connect reference"); numbers are texts in them. Other claims are not read. */
const githubClaimsSchema = z.object({
  iss: z.optional(text),
  repository: text,
  repository_id: z.optional(number),
  repository_owner_id: z.optional(number),
  repository_visibility: z.optional(text),
  /** The workflow that the job is defined in: a reusable one, where that was called. */
  job_workflow_ref: text,
  /** The workflow that was started. */
  workflow_ref: z.optional(text),
  ref: z.optional(text),
  sha: gitObject,
  event_name: z.optional(text),
  actor_id: z.optional(number),
  run_id: number,
  run_attempt: z.optional(number),
  runner_environment: z.optional(text),
});

export type GithubClaims = Readonly<z.output<typeof githubClaimsSchema>>;

/**
 * The claims of a GitHub workflow in a decoded token; undefined for the token of somebody else. Nobody has checked the
 * token's signature here: the certificate that is given for it proves them. Fault: config.github-context.
 */
export function parseGithubClaims(claims: unknown): GithubClaims | undefined {
  if (typeof claims !== 'object' || claims === null || !('job_workflow_ref' in claims)) return undefined;
  return parseWith(githubClaimsSchema, claims, 'config.github-context', "the claims of GitHub's identity token");
}

/** The server that issues such tokens; undefined where the issuer does not tell. */
export function serverOfIssuer(issuer: string): string | undefined {
  if (!URL.canParse(issuer)) return undefined;
  const { protocol, host, pathname } = new URL(issuer);
  if (protocol !== 'https:') return undefined;
  // An enterprise may have its name in the path: https://token.actions.githubusercontent.com/acme.
  if (host === 'token.actions.githubusercontent.com') return 'https://github.com';
  const tenant = /^token\.actions\.([a-z0-9-]+\.ghe\.com)$/.exec(host)?.[1];
  if (tenant !== undefined) return `https://${tenant}`;
  return pathname === '/_services/token' ? `https://${host}` : undefined;
}
