import type { Octokit } from 'octokit';
import * as z from 'zod/mini';
import { Digest, Fault, type Json, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { parseWith } from '../../../formats/schema/index.ts';
import { parseBundle, type SigstoreBundle } from '../../../formats/sigstore-bundle/index.ts';
import { decodeSnappy } from '../../../formats/snappy/index.ts';
import { PassingFault } from '../http/failure.ts';
import { type Data, download, type GithubClient, orNull } from './client.ts';
import { nextCursor, type Page, type PagePlace } from './pages.ts';
import type { GithubRepository } from './site.ts';

type Offered = NonNullable<Data<Octokit['rest']['repos']['listAttestations']>['attestations']>[number];

const address = z.string().check(z.maxLength(limits.addressBytes));
const perPageMost = 100;

const pageSchema = z.object({ attestations: z.array(z.unknown()).check(z.maxLength(perPageMost)) });

/** GitHub leaves out or nulls either. The bundle itself is read by parseBundle. */
const attestationSchema = z.object({
  bundle: z.nullish(z.custom<NonNullable<Offered['bundle']>>((value) => typeof value === 'object')),
  bundle_url: z.nullish(address),
}) satisfies z.ZodMiniType<{ [Key in 'bundle' | 'bundle_url']?: Offered[Key] | null | undefined }>;

export type Owner = { readonly kind: 'repos' | 'orgs' | 'users'; readonly owner: string; readonly repo: string };

/** One page of what is attested about a digest, each to be read by readAttestation: a malformed one costs no other. Null where the owner or repository is not known. Faults: store.answer, network.*. */
export async function listAttestations(
  { octokit }: GithubClient,
  { kind, owner, repo }: Owner,
  digest: Digest,
  { perPage, after }: PagePlace,
): Promise<Page<unknown> | null> {
  const parameters = {
    subject_digest: Digest.format(digest),
    per_page: perPage,
    ...(after === null ? {} : { after }),
    request: { maxBytes: limits.githubPageBytes },
  };
  const { orgs, repos, users } = octokit.rest;
  const answer = await orNull<{ data: unknown; headers: { link?: string | undefined } }>(
    kind === 'repos'
      ? repos.listAttestations({ owner, repo, ...parameters })
      : kind === 'orgs'
        ? orgs.listAttestations({ org: owner, ...parameters })
        : users.listAttestations({ username: owner, ...parameters }),
  );
  if (answer === null) return null;
  const { attestations } = parseAttestationPage(answer.data);
  return { entries: attestations, next: () => nextCursor(answer.headers.link ?? null) };
}

/** Faults: store.answer. */
export function parseAttestationPage(json: unknown): z.output<typeof pageSchema> {
  return parseWith(pageSchema, json, 'store.answer', 'list of attestations');
}

export type Attestation = {
  readonly bundle: SigstoreBundle;
  /** On one line, as it is inline; two ways to the same bundle are one. */
  readonly bytes: Uint8Array;
  readonly id: string | null;
};

/**
 * Reads the bundle of an attestation: inline, else from where it lies in storage, compressed with Snappy.
 * Faults: store.answer, store.attestation, those of parseBundle, decodeSnappy and download: of the first way that failed.
 */
export async function readAttestation(client: GithubClient, entry: unknown): Promise<Attestation> {
  const offered = parseWith(attestationSchema, entry, 'store.answer', 'attestation');
  const ways: (() => Promise<Json>)[] = [];
  const { bundle_url: url } = offered;
  if (offered.bundle !== undefined && offered.bundle !== null) ways.push(async () => offered.bundle as Json);
  if (url !== undefined && url !== null) ways.push(() => downloadBundle(client, url));
  const faults: Fault[] = [];
  for (const read of ways) {
    try {
      const bytes = Buffer.from(JSON.stringify(await read()));
      return { bundle: parseBundle(bytes), bytes, id: idOf(url ?? '') };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(error);
    }
  }
  // What may come with another attempt is told before what stays as it is.
  throw (
    faults.find((fault) => fault instanceof PassingFault) ??
    faults[0] ??
    new Fault('store.attestation', 'Cannot read attestation: it has neither a bundle nor an address of one')
  );
}

async function downloadBundle(client: GithubClient, address: string): Promise<Json> {
  const { bytes, headers } = await download(client, address, limits.bundleBytes);
  const isSnappy = /\.sn(?:[?#]|$)/.test(address) || headers.get('content-type') === 'application/x-snappy';
  const content = isSnappy ? decodeSnappy(bytes, limits.bundleBytes) : bytes;
  return parseJsonBytes(content, 'bundle', limits.bundleBytes);
}

/** The last part of its path: `…/attestations/REPOSITORY/YYYY/MM/DD/ID.json.sn`. */
function idOf(address: string): string | null {
  return /\/(\d{1,20})\.json(?:\.sn)?$/.exec(URL.parse(address)?.pathname ?? '')?.[1] ?? null;
}

type Created = Data<Octokit['rest']['repos']['createAttestation']>;

const createdSchema = z.object({ id: z.optional(z.unknown()) }) satisfies z.ZodMiniType<{
  [Key in keyof Created]: unknown;
}>;

/** Posts a bundle, once. Gives the id that GitHub gave it. Faults: store.answer, network.*. */
export async function createAttestation(
  { octokit }: GithubClient,
  repository: GithubRepository,
  bundle: Json,
): Promise<string | null> {
  const { data } = await octokit.rest.repos.createAttestation({
    ...repository,
    bundle: bundle as NonNullable<Offered['bundle']>,
    request: { maxBytes: limits.serverWordBytes, isOnce: true },
  });
  return parseCreated(data);
}

/** Faults: store.answer. */
export function parseCreated(json: unknown): string | null {
  const { id } = parseWith(createdSchema, json, 'store.answer', 'answer to an attestation');
  // The bundle is there, whatever its number: one that JSON's numbers cannot hold is not told.
  return Number.isSafeInteger(id) && Number(id) >= 0 ? String(id) : null;
}
