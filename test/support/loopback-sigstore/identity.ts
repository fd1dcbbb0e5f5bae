import { sign, verify } from 'node:crypto';
import type { KeyPair } from './certificate.ts';

export const githubIssuer = 'https://token.actions.githubusercontent.com';

/** What GitHub's tokens say of a workflow run; numbers are texts in them. */
export type GithubClaims = {
  readonly sub: string;
  readonly repository: string;
  readonly repository_id: string;
  readonly repository_owner: string;
  readonly repository_owner_id: string;
  readonly repository_visibility: string;
  readonly workflow: string;
  readonly workflow_ref: string;
  readonly workflow_sha: string;
  readonly job_workflow_ref: string;
  readonly job_workflow_sha: string;
  readonly ref: string;
  readonly sha: string;
  readonly event_name: string;
  readonly run_id: string;
  readonly run_attempt: string;
  readonly runner_environment: string;
  readonly environment?: string;
};

const commit = '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261';

/** The claims of a release run; what is not given follows from what is, such as the workflow's name from the repository. */
export function githubClaims(given: Partial<GithubClaims> = {}): GithubClaims {
  const repository = given.repository ?? 'acme/node-images';
  const ref = given.ref ?? 'refs/tags/v4593.2.5';
  const sha = given.sha ?? commit;
  const workflowRef = given.workflow_ref ?? `${repository}/.github/workflows/release.yml@${ref}`;
  const context = given.environment === undefined ? `ref:${ref}` : `environment:${given.environment}`;
  return {
    sub: `repo:${repository}:${context}`,
    repository,
    repository_id: '700700700',
    repository_owner: repository.split('/')[0] ?? repository,
    repository_owner_id: '40404040',
    repository_visibility: 'public',
    workflow: 'release',
    workflow_ref: workflowRef,
    workflow_sha: sha,
    job_workflow_ref: workflowRef,
    job_workflow_sha: sha,
    ref,
    sha,
    event_name: 'push',
    run_id: '9876543210',
    run_attempt: '1',
    runner_environment: 'github-hosted',
    ...given,
  };
}

export type Token = GithubClaims & {
  readonly iss: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
};

/** Signs claims as a JWT, RFC 7519, with ES256. */
export function encodeToken(claims: object, keys: KeyPair): string {
  const signed = [{ alg: 'ES256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(signed), { key: keys.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** Checks a token as Fulcio does: signature, issuer, audience, time. Gives undefined where one does not hold. */
export function openToken(text: string, keys: KeyPair, issuer: string, at: Date): Token | undefined {
  const [header, payload, signature, ...more] = text.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return undefined;
  const key = { key: keys.publicKey, dsaEncoding: 'ieee-p1363' as const };
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
    return undefined;
  const token = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Token;
  const seconds = at.getTime() / 1000;
  const holds = token.iss === issuer && token.aud === 'sigstore' && token.exp >= seconds;
  return holds ? token : undefined;
}
