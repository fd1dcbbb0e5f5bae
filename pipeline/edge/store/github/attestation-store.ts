import { Digest, encodeCanonicalJson, Fault, type Json, limits, withinAsync } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { parseBundle, type SigstoreBundle } from '../../../formats/sigstore-bundle/index.ts';
import {
  type BundleStore,
  Findings,
  type Found,
  type Intake,
  type PlannedWrite,
  type Publication,
  type PublishedBundle,
  type PutReport,
  runInLanes,
} from '../../../store/index.ts';
import { PassingFault, StatusFault } from '../http/failure.ts';
import { type HttpSettings, retryPassing, startSearch } from '../http/request.ts';
import { createAttestation, listAttestations, type Owner, readAttestation } from './attestation-api.ts';
import { checkVisible, type GithubAccess, type GithubClient, openGithubClient } from './client.ts';
import { explainRefusal } from './explain.ts';
import { readPages } from './pages.ts';
import type { GithubRepository } from './site.ts';

/**
 * GitHub's attestations of a repository, or those of all repositories of an owner, to read. It takes bundles alone: SBOM
 * files, trust packs and artifacts have no place there, and other stores take them.
 * Faults: network.*, store.*, limit.*, usage.github-token, usage.read-only, usage.bundles.
 */
export function openAttestationStore(
  place: { readonly owner: string; readonly repo: string | null },
  access: GithubAccess,
  settings: HttpSettings,
): BundleStore {
  const { owner, repo } = place;
  const name = `github-attestations:${owner}${repo === null ? '' : `/${repo}`}`;
  const plan = (publication: Publication): readonly PlannedWrite[] =>
    publication.bundles.map((bundle) => describe(wantRepository(name, place), bundle));
  return {
    name,
    async find(digest, intake) {
      const client = await openGithubClient(access, startSearch(settings));
      return await explainRefusal('attestations: read', () => findAttestations(client, name, place, digest, intake));
    },
    plan,
    async put(publication, tell) {
      const repository = wantRepository(name, place);
      checkBundles(name, publication.bundles);
      if (access.token === null) throw lacksToken(name);
      const client = await openGithubClient(access, settings);
      return await explainRefusal('attestations: write', () =>
        putAttestations(client, repository, publication.bundles, tell),
      );
    },
  };
}

export function lacksToken(name: string): Fault {
  return new Fault('usage.github-token', `Cannot publish to ${name} without a token`, {
    next: 'Give --github-token-file FILE, or GITHUB_TOKEN in the environment',
  });
}

function wantRepository(name: string, { owner, repo }: { owner: string; repo: string | null }): GithubRepository {
  if (repo !== null) return { owner, repo };
  throw new Fault('usage.read-only', `Cannot publish to ${name}: want github-attestations:OWNER/REPO`);
}

async function findAttestations(
  client: GithubClient,
  name: string,
  place: { readonly owner: string; readonly repo: string | null },
  digest: Digest,
  intake: Intake | undefined,
): Promise<Found> {
  const findings = new Findings([digest], intake);
  let count = 0;
  return findings.readParts(name, readOwned(client, place, digest), (entries) =>
    runInLanes(entries, async (entry) => {
      await findings.attempt(`${name} #${++count}`, async (reserve) => {
        await reserve(limits.githubAttestationBytes);
        return (await readAttestation(client, entry)).bytes;
      });
    }),
  );
}

/** What is attested in one repository, or by an owner: who is no organization is a user. */
async function* readOwned(
  client: GithubClient,
  { owner, repo }: { readonly owner: string; readonly repo: string | null },
  digest: Digest,
  sizes?: readonly number[],
): AsyncGenerator<readonly unknown[]> {
  const kinds: readonly Owner['kind'][] = repo === null ? ['orgs', 'users'] : ['repos'];
  for (const kind of kinds) {
    let isKnown = false;
    yield* readPages(async (page) => {
      const listed = await listAttestations(client, { kind, owner, repo: repo ?? '' }, digest, page);
      isKnown ||= listed !== null;
      return listed;
    }, sizes);
    if (isKnown) return;
  }
  await checkVisible(client, { owner, repo });
}

/** What GitHub would refuse is refused here, before anything is sent. */
function checkBundles(name: string, bundles: readonly PublishedBundle[]): void {
  for (const { fileName, bytes, subjects } of bundles) {
    const problem =
      bytes.byteLength > limits.githubAttestationBytes
        ? `it has ${bytes.byteLength} bytes, want at most ${limits.githubAttestationBytes}`
        : subjects.length > limits.githubSubjects
          ? `it has ${subjects.length} subjects, want at most ${limits.githubSubjects}`
          : subjects.length === 0
            ? 'it has no subject with a SHA-256'
            : null;
    if (problem === null) continue;
    throw new Fault('usage.bundles', `Cannot publish ${fileName} to ${name}: ${problem}`, {
      where: fileName,
      next: 'Publish it to oci:, release: or directory:',
    });
  }
}

/** One after the other: GitHub asks for that where something is created. */
async function putAttestations(
  client: GithubClient,
  repository: GithubRepository,
  bundles: readonly PublishedBundle[],
  tell: (what: string) => void,
): Promise<PutReport> {
  const report = { written: [] as PlannedWrite[], present: [] as PlannedWrite[] };
  const listings = new Map<string, Listing>();
  for (const bundle of bundles) {
    tell(bundle.fileName);
    const json = parseJsonBytes(bundle.bytes, 'bundle', limits.bundleBytes);
    const key = keyOf(parseBundle(bundle.bytes));
    const subject = characteristicSubject(bundle);
    const listing =
      listings.get(subject.hex) ??
      (await withinAsync(bundle.fileName, () =>
        explainRefusal('attestations: write', () => readListing(client, repository, subject)),
      ));
    listings.set(subject.hex, listing);
    const known = listing.get(key);
    if (known !== undefined) {
      report.present.push(describe(repository, bundle, client, known));
      continue;
    }
    const look = async (): Promise<string | null | undefined> =>
      (await readListing(client, repository, subject)).get(key);
    const id = await explainRefusal(
      'attestations: write',
      () => postOnce(client, repository, json, look),
      bundle.fileName,
    );
    listing.set(key, id);
    report.written.push(describe(repository, bundle, client, id));
  }
  return report;
}

/** Bundles by what they say, with their ids where those are known. */
type Listing = Map<string, string | null>;

/** The identity where there is one: extensions and kernels are in many sets. */
function characteristicSubject({ subjects }: PublishedBundle): Digest {
  const subject = subjects.find(({ role }) => role === 'identity') ?? subjects[0];
  if (subject === undefined) throw new TypeError('Cannot happen: bundles without subjects were refused');
  return subject.digest;
}

/** Most of a page that GitHub gives: extensions may be in many releases, each with attestations of its own. */
const largePages = [100, 30, 5, 1];

/** All that is attested about a digest: what is not known to be missing is not posted again. */
async function readListing(client: GithubClient, repository: GithubRepository, digest: Digest): Promise<Listing> {
  const search = await openGithubClient(client, startSearch(client.settings));
  const listing: Listing = new Map();
  for await (const entries of readOwned(search, repository, digest, largePages)) {
    await runInLanes(entries, async (entry) => {
      try {
        const { bundle, id } = await readAttestation(search, entry);
        const key = keyOf(bundle);
        listing.set(key, listing.get(key) ?? id);
      } catch (error) {
        if (!(error instanceof Fault) || isUnread(error)) throw error;
      }
    });
  }
  return listing;
}

/** What was not read might be the same bundle: it would be posted twice. What storage has lost is not there. */
function isUnread(fault: Fault): boolean {
  if (fault instanceof StatusFault) return fault.status !== 404 && fault.status !== 410;
  return fault instanceof PassingFault || fault.code === 'store.address' || fault.code === 'store.redirect';
}

/** Two bundles that say the same have the same key, whatever their white space and the defaults they leave out. */
function keyOf({ json }: SigstoreBundle): string {
  return Digest.of('sha256', encodeCanonicalJson(json)).hex;
}

/** An answer that was lost may have been a good one: it is looked for before the bundle is sent again. */
async function postOnce(
  client: GithubClient,
  repository: GithubRepository,
  json: Json,
  look: () => Promise<string | null | undefined>,
): Promise<string | null> {
  let isRepeated = false;
  return await retryPassing(client.settings, async () => {
    const known = isRepeated ? await look() : undefined;
    if (known !== undefined) return known;
    isRepeated = true;
    return await createAttestation(client, repository, json);
  });
}

function describe(
  { owner, repo }: GithubRepository,
  { fileName, bytes }: PublishedBundle,
  client: GithubClient | null = null,
  id: string | null = null,
): PlannedWrite {
  return {
    what: fileName,
    place: `repos/${owner}/${repo}/attestations`,
    sizeBytes: bytes.byteLength,
    ...(client === null || id === null
      ? {}
      : { id, url: `${client.site.webOrigin}/${owner}/${repo}/attestations/${id}` }),
  };
}
