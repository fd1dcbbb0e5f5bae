import { describeSite, openAttestationStore, openReleaseStore } from '../../../pipeline/edge/store/index.ts';
import type { BundleStore } from '../../../pipeline/store/index.ts';
import { type Call, type LoopbackGithub, token } from '../../support/loopback-github/index.ts';
import { settingsFor } from './settings.ts';

export function accessOf({ origin }: LoopbackGithub, bearer: string | null = token) {
  return { site: describeSite(new URL(origin)), token: bearer };
}

export function openAttestations(
  github: LoopbackGithub,
  { bearer = token, repo = 'nodes', settings = settingsFor() }: Partial<Options> = {},
): BundleStore {
  return openAttestationStore({ owner: 'acme', repo }, accessOf(github, bearer), settings);
}

type Options = {
  readonly bearer: string | null;
  readonly repo: string | null;
  readonly settings: ReturnType<typeof settingsFor>;
};

export const callsOf = ({ calls }: LoopbackGithub, method: string): readonly Call[] =>
  calls.filter((call) => call.method === method);

export function openRelease(
  github: LoopbackGithub,
  {
    bearer = token,
    settings = settingsFor(),
    keepDraft = false,
    tag = 'v1',
  }: Partial<Options> & { readonly keepDraft?: boolean; readonly tag?: string } = {},
): BundleStore {
  return openReleaseStore({ owner: 'acme', repo: 'nodes', tag }, accessOf(github, bearer), settings, { keepDraft });
}
