import type { BundleStore } from '../../../store/index.ts';
import { type HttpSettings, startSearch } from '../http/request.ts';
import { lacksToken } from './attestation-store.ts';
import { type GithubAccess, openGithubClient } from './client.ts';
import { explainRefusal } from './explain.ts';
import { findInRelease } from './release-find.ts';
import { planFiles } from './release-plan.ts';
import { describeAsset, putInRelease } from './release-put.ts';
import type { GithubTag } from './site.ts';

/**
 * The assets of a release on GitHub: all files that attest wrote, under their names, and the artifacts beside them.
 * Faults: network.*, store.*, limit.*, usage.github-token, usage.artifacts.
 */
export function openReleaseStore(
  place: GithubTag,
  access: GithubAccess,
  settings: HttpSettings,
  { keepDraft = false }: { readonly keepDraft?: boolean } = {},
): BundleStore {
  const name = `release:${place.owner}/${place.repo}@${place.tag}`;
  return {
    name,
    async find(digest, intake) {
      const client = await openGithubClient(access, startSearch(settings));
      return await explainRefusal('contents: read', () => findInRelease(client, name, place, digest, intake));
    },
    plan: (publication) => planFiles(publication).map((file) => describeAsset(place, file)),
    async put(publication, tell) {
      const files = planFiles(publication);
      if (access.token === null) throw lacksToken(name);
      const client = await openGithubClient(access, settings);
      return await explainRefusal('contents: write', () => putInRelease(client, place, files, keepDraft, tell));
    },
  };
}
