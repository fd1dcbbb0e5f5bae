import {
  type ChosenInstance,
  chooseInstance,
  namedInstance,
  parseEventVisibility,
  parseSigningConfig,
  selectServices,
  type Signer,
  sigstoreInstances,
  type SigningServices,
} from '../attest/index.ts';
import { decodeUtf8, Fault, limits } from '../core/index.ts';
import {
  buildKeylessSigner,
  buildKeySigner,
  githubIdentityToken,
  givenIdentityToken,
  type IdentityTokenSource,
  readTokenClaims,
} from '../edge/sigstore/index.ts';
import { type GithubClaims, parseGithubClaims, serverOfIssuer } from '../provenance/index.ts';
import { publicGoodRoot, type TrustedRootCandidate } from '../trust/index.ts';
import { inputLimits, readConfiguration, readInput } from './inputs.ts';
import type { World } from './world.ts';

type SigningOptions = {
  readonly key: string | undefined;
  readonly 'identity-token': string | undefined;
  readonly 'signing-config': string | undefined;
  readonly sigstore: string | undefined;
};

/** A signer, and what is known with it. */
export type OpenedSigner = {
  readonly signer: Signer;
  /** Of the identity token of the GitHub workflow that runs this; undefined where there is none. */
  readonly claims: GithubClaims | undefined;
  /** The trusted root that verifies the signatures, where it ships with us. */
  readonly trustedRoots: readonly TrustedRootCandidate[];
  readonly notes: readonly string[];
};

/**
 * The signer that the options name: a key, a given token, or the token of the GitHub workflow that runs this. A token is
 * asked for at once, so that a missing permission is told before images are read and not after.
 * Faults: usage.signer, usage.sigstore, usage.identity-token, config.*, key.*, network.*, signing.*.
 */
export async function openSigner(options: SigningOptions, world: World): Promise<OpenedSigner> {
  checkOptions(options);
  const services = readServices(options, world);
  if (options.key !== undefined) return openKeySigner(options.key, services, world);
  // A server without a Sigstore is told before a token is asked for.
  if (services === undefined) chooseServices(options.sigstore, undefined, world);
  const identity = openTokenSource(options['identity-token'], world);
  const token = await identity.readToken();
  const claims = parseGithubClaims(readTokenClaims(token)) ?? (await readRunClaims(world));
  const chosen =
    services === undefined ? chooseServices(options.sigstore, claims, world) : { name: null, services, notes: [] };
  return {
    signer: buildKeylessSigner(chosen.services, identity),
    claims,
    trustedRoots: chosen.name === 'public-good' ? [publicGoodRoot()] : [],
    notes: chosen.notes,
  };
}

function checkOptions(options: SigningOptions): void {
  if (options.key !== undefined && options['identity-token'] !== undefined)
    throw new Fault('usage.signer', 'Cannot sign with both --key and --identity-token: want one of them');
  const other = (['key', 'signing-config'] as const).find((name) => options[name] !== undefined);
  if (options.sigstore === undefined) return;
  if (other !== undefined)
    throw new Fault(
      'usage.sigstore',
      `Cannot use --sigstore with --${other}: it chooses who certifies a keyless signature`,
    );
  if (!sigstoreInstances.some((name) => name === options.sigstore))
    throw new Fault(
      'usage.sigstore',
      `Cannot use --sigstore ${JSON.stringify(options.sigstore.slice(0, 40))}: want ${sigstoreInstances.join(' or ')}`,
    );
}

async function openKeySigner(path: string, services: SigningServices | undefined, world: World): Promise<OpenedSigner> {
  const passphrase = world.environment['NODEPROOF_KEY_PASSPHRASE'];
  const signer = buildKeySigner(readKey(path, world), {
    ...(services === undefined ? {} : { services }),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  return { signer, claims: await readRunClaims(world), trustedRoots: [], notes: [] };
}

/** `env://VARIABLE` as cosign has it: a secret of a job need not become a file. Faults: usage.key, config.size, file.*. */
function readKey(place: string, world: World): Uint8Array {
  const name = /^env:\/\/([A-Za-z_][A-Za-z0-9_]*)$/.exec(place)?.[1];
  if (name === undefined) return readConfiguration(world, place, inputLimits.pem);
  const pem = variable(world, name);
  if (pem !== undefined) return Buffer.from(pem);
  throw new Fault('usage.key', `Cannot read the key: the variable ${name} is not set`, {
    where: place,
    next: 'Set it to the text of a PEM private key, or give the path of a file',
  });
}

function readServices(options: SigningOptions, world: World): SigningServices | undefined {
  const path = options['signing-config'];
  if (path === undefined) return undefined;
  const config = parseSigningConfig(readConfiguration(world, path, limits.signingConfigBytes));
  return selectServices(config, world.now(), { certificateAuthority: options.key === undefined });
}

/** Outside GitHub Actions a token was given by hand: for Sigstore's public instance, unless it says that its repository is not public. */
function chooseServices(name: string | undefined, claims: GithubClaims | undefined, world: World): ChosenInstance {
  const issuer = claims?.iss === undefined ? undefined : serverOfIssuer(claims.iss);
  const server = variable(world, 'GITHUB_SERVER_URL') ?? issuer ?? 'https://github.com';
  const named = sigstoreInstances.find((each) => each === name);
  if (named !== undefined) return namedInstance(named, server);
  const token = claims?.repository_visibility;
  if (isGithubRun(world)) return chooseInstance(server, { event: readEventVisibility(world), token });
  return token === undefined
    ? namedInstance('public-good', server)
    : chooseInstance(server, { event: undefined, token });
}

/** An event that cannot be read says nothing, and what is not known counts as private. */
function readEventVisibility(world: World): string | undefined {
  const path = variable(world, 'GITHUB_EVENT_PATH');
  if (path === undefined) return undefined;
  try {
    return parseEventVisibility(readInput(world, path, limits.githubEventBytes));
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** The claims of the token that a GitHub workflow may ask for: they say who builds, whoever signs. */
async function readRunClaims(world: World): Promise<GithubClaims | undefined> {
  const { requestUrl, requestToken } = tokenEndpoint(world);
  if (!isGithubRun(world) || requestUrl === undefined || requestToken === undefined) return undefined;
  const token = await githubIdentityToken({ requestUrl, requestToken }).readToken();
  return parseGithubClaims(readTokenClaims(token));
}

function openTokenSource(given: string | undefined, world: World): IdentityTokenSource {
  if (given === undefined) {
    const endpoint = tokenEndpoint(world);
    if (isGithubRun(world) && (endpoint.requestUrl === undefined || endpoint.requestToken === undefined))
      throw new Fault('usage.identity-token', 'Cannot sign without a key: GitHub gives this job no identity token', {
        next: 'Give the job permissions: id-token: write',
      });
    return githubIdentityToken(endpoint);
  }
  const token = given.startsWith('@')
    ? decodeUtf8(readConfiguration(world, given.slice(1), limits.identityTokenBytes), 'identity token')
    : given;
  return givenIdentityToken(token, world.now);
}

function tokenEndpoint(world: World) {
  return {
    requestUrl: variable(world, 'ACTIONS_ID_TOKEN_REQUEST_URL'),
    requestToken: variable(world, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'),
  };
}

function isGithubRun(world: World): boolean {
  return world.environment['GITHUB_ACTIONS'] === 'true';
}

function variable(world: World, name: string): string | undefined {
  const value = world.environment[name];
  return value === '' ? undefined : value;
}
