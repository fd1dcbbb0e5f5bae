import {
  parseSigningConfig,
  publicGoodServices,
  selectServices,
  type Signer,
  type SigningServices,
} from '../attest/index.ts';
import { decodeUtf8, Fault, limits } from '../core/index.ts';
import {
  buildKeylessSigner,
  buildKeySigner,
  githubIdentityToken,
  givenIdentityToken,
  type IdentityTokenSource,
} from '../edge/sigstore/index.ts';
import { inputLimits, readConfiguration } from './inputs.ts';
import type { World } from './world.ts';

type SigningOptions = {
  readonly key: string | undefined;
  readonly 'identity-token': string | undefined;
  readonly 'signing-config': string | undefined;
};

/**
 * The signer that the options name: a key, a given token, or the token of the GitHub workflow that runs this. A token is
 * asked for at once, so that a missing permission is told before images are read and not after.
 */
export async function openSigner(options: SigningOptions, world: World): Promise<Signer> {
  if (options.key !== undefined && options['identity-token'] !== undefined) {
    throw new Fault('usage.signer', 'Cannot sign with both --key and --identity-token: want one of them');
  }
  const services = readServices(options, world);
  if (options.key !== undefined) {
    const passphrase = world.environment['NODEPROOF_KEY_PASSPHRASE'];
    return buildKeySigner(readConfiguration(world, options.key, inputLimits.pem), {
      ...(services === undefined ? {} : { services }),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  }
  const identity = openTokenSource(options['identity-token'], world);
  const signer = buildKeylessSigner(services ?? publicGoodServices, identity);
  await identity.readToken();
  return signer;
}

function readServices(options: SigningOptions, world: World): SigningServices | undefined {
  const path = options['signing-config'];
  if (path === undefined) return undefined;
  const config = parseSigningConfig(readConfiguration(world, path, limits.signingConfigBytes));
  return selectServices(config, world.now(), { certificateAuthority: options.key === undefined });
}

function openTokenSource(given: string | undefined, world: World): IdentityTokenSource {
  if (given === undefined) {
    return githubIdentityToken({
      requestUrl: world.environment['ACTIONS_ID_TOKEN_REQUEST_URL'],
      requestToken: world.environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'],
    });
  }
  const token = given.startsWith('@')
    ? decodeUtf8(readConfiguration(world, given.slice(1), limits.identityTokenBytes), 'identity token')
    : given;
  return givenIdentityToken(token, world.now);
}
