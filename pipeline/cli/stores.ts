import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { decodeUtf8, Fault, limits } from '../core/index.ts';
import {
  type Credentials,
  describeSite,
  findCredentials,
  type GithubAccess,
  type HttpSettings,
  openAttestationStore,
  openDirectoryStore,
  openRegistryStore,
  openReleaseStore,
  openWebDirectoryStore,
  parseAddress,
  parseOwner,
  parseRepository,
  parseTag,
} from '../edge/store/index.ts';
import type { BlobCache, BundleStore } from '../store/index.ts';
import { asConfiguration, readInput } from './inputs.ts';
import { noStoreOptions } from './table.ts';
import type { World } from './world.ts';

export type StoreOptions = {
  readonly 'registry-user': string | undefined;
  readonly 'registry-password-file': string | undefined;
  readonly 'registry-token-host': readonly string[];
  readonly 'github-token-file': string | undefined;
  readonly 'github-api-url': string | undefined;
  readonly 'plain-http': boolean;
  readonly 'keep-draft'?: boolean;
  readonly offline?: boolean;
  /** When a search ends. */
  readonly deadline?: AbortSignal;
};

type Place = (address: string, options: StoreOptions, world: World, blobs: BlobCache | null) => BundleStore;

/** Every kind of store, by the word before its colon. */
const places: Readonly<Record<string, Place>> = {
  directory: openDirectory,
  oci: openRegistry,
  'github-attestations': openAttestations,
  release: openRelease,
};

/**
 * Opens the stores that were named. Nothing is asked by that. Faults: usage.store, usage.offline, those of the stores.
 *
 * @param blobs what need not be sent again
 */
export function openStores(
  names: readonly string[],
  option: 'to' | 'from',
  options: StoreOptions,
  world: World,
  blobs: BlobCache | null = null,
): readonly BundleStore[] {
  if (names.length === 0) throw new Fault('usage.store', `Cannot go on without --${option}: want ${storeForms}`);
  return [...new Set(names)].map((name) => {
    const colon = name.indexOf(':');
    const open = Object.hasOwn(places, name.slice(0, colon)) ? places[name.slice(0, colon)] : undefined;
    if (open === undefined || colon === name.length - 1)
      throw new Fault(
        'usage.store',
        `Cannot use --${option} ${JSON.stringify(name.slice(0, 200))}: want ${storeForms}`,
      );
    return open(name.slice(colon + 1), options, world, blobs);
  });
}

/** Refuses what `publish --to` would refuse of these names and what the world says of them, before anything is made. Faults: as openStores. */
export function checkStores(names: readonly string[], world: World): void {
  if (names.length > 0) openStores(names, 'to', noStoreOptions, world);
}

const storeForms =
  'directory:PATH, directory:https://HOST/PATH, oci:HOST/REPOSITORY, github-attestations:OWNER/REPO or release:OWNER/REPO@TAG';

function openDirectory(address: string, options: StoreOptions, world: World, blobs: BlobCache | null): BundleStore {
  if (!/^https?:\/\//.test(address)) return openDirectoryStore(resolve(world.directory, address), address);
  refuseOffline(`directory:${address}`, options);
  const base = parseAddress(address, options['plain-http']);
  return openWebDirectoryStore(base, httpSettings(options, world), blobs);
}

function openRegistry(address: string, options: StoreOptions, world: World, blobs: BlobCache | null): BundleStore {
  refuseOffline(`oci:${address}`, options);
  const reference = parseRepository(address, options['plain-http']);
  const credentials = readCredentials(reference.host, options, world);
  const access = { credentials, tokenHosts: options['registry-token-host'] };
  return openRegistryStore(reference, access, httpSettings(options, world), blobs);
}

function openAttestations(address: string, options: StoreOptions, world: World): BundleStore {
  refuseOffline(`github-attestations:${address}`, options);
  return openAttestationStore(parseOwner(address), githubAccess(options, world), httpSettings(options, world));
}

function openRelease(address: string, options: StoreOptions, world: World): BundleStore {
  refuseOffline(`release:${address}`, options);
  const access = githubAccess(options, world);
  const keepDraft = options['keep-draft'] === true;
  return openReleaseStore(parseTag(address), access, httpSettings(options, world), { keepDraft });
}

/** The API and the token as GitHub's workflows and its own command line know them. Faults: usage.address, config.github-token. */
function githubAccess(options: StoreOptions, world: World): GithubAccess {
  const { GITHUB_API_URL, GITHUB_TOKEN, GH_TOKEN } = world.environment;
  const api = parseAddress(
    options['github-api-url'] ?? (GITHUB_API_URL || 'https://api.github.com'),
    options['plain-http'],
  );
  const path = options['github-token-file'];
  const token =
    path === undefined
      ? GITHUB_TOKEN || GH_TOKEN || null
      : decodeUtf8(readInput(world, path, limits.passwordBytes), 'token file').trim();
  if (token === null || /^[\x21-\x7e]{1,4096}$/.test(token)) return { site: describeSite(api), token };
  const where = path ?? 'GITHUB_TOKEN';
  throw new Fault('config.github-token', 'Cannot use the token for GitHub: want one printable word', { where });
}

function refuseOffline(name: string, options: StoreOptions): void {
  if (options.offline !== true) return;
  throw new Fault('usage.offline', `Cannot fetch from ${name} with --offline: want directory:PATH`, {
    where: name,
    next: 'What was found before is in the directory of --cache: give it without --from',
  });
}

function httpSettings(options: StoreOptions, world: World): HttpSettings {
  return {
    fetch,
    wait: (milliseconds, signal) => setTimeout(milliseconds, undefined, signal === undefined ? {} : { signal }),
    now: world.now,
    timeoutMs: 30_000,
    searchTimeoutMs: 300_000,
    retries: 4,
    firstPauseMs: 500,
    plainHttp: options['plain-http'],
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
  };
}

/** What was given, else what `docker login` left. */
function readCredentials(host: string, options: StoreOptions, world: World): Credentials | null {
  const user = options['registry-user'];
  const path = options['registry-password-file'];
  if ((user === undefined) !== (path === undefined))
    throw new Fault('usage.registry', 'Cannot log in: want both --registry-user and --registry-password-file');
  if (user !== undefined && path !== undefined) {
    const password = decodeUtf8(readInput(world, path, limits.passwordBytes), 'password file');
    return { user, password: password.replace(/\r?\n$/, '') };
  }
  const config = readDockerConfig(world);
  return config === null ? null : asConfiguration(config.path, () => findCredentials(config.bytes, host));
}

function readDockerConfig(world: World): { readonly path: string; readonly bytes: Uint8Array } | null {
  const { DOCKER_CONFIG: folder, HOME: home } = world.environment;
  if (folder === undefined && home === undefined) return null;
  const path = join(folder ?? join(home ?? '', '.docker'), 'config.json');
  try {
    return { path, bytes: readInput(world, path, limits.dockerConfigBytes) };
  } catch (error) {
    if (error instanceof Fault && error.code === 'file.missing') return null;
    throw error;
  }
}
