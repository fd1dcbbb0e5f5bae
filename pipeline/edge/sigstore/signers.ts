import { noServices, type Signer, type SigningServices } from '../../attest/signing/index.ts';
import { Fault } from '../../core/index.ts';
import { signBundle } from './bundle.ts';
import { signWithCertificate } from './certificate-authority.ts';
import type { IdentityTokenSource } from './identity-token.ts';
import { parsePrivateKey, type SigningKey } from './private-key.ts';
import { openLog, refuseRekorV2Key } from './rekor.ts';
import { type CallOptions, defaultCallOptions } from './service-call.ts';
import type { Signature, Witness } from './signature.ts';
import { openTimestampAuthority } from './timestamp-authority.ts';

type KeySignerOptions = {
  /** Opens an encrypted PEM file. */
  readonly passphrase?: string;
  /** Logs and timestamp authorities. Default: none, so that nothing leaves the machine. */
  readonly services?: SigningServices;
  readonly calls?: CallOptions;
};

/**
 * Signs with the private key of a PEM file.
 * Faults: limit.pem, key.*, config.signing-time; where a service does not fit the key, before anything is signed.
 */
export function buildKeySigner(pem: Uint8Array, options: KeySignerOptions = {}): Signer {
  const { services = noServices, calls = defaultCallOptions } = options;
  const key = parsePrivateKey(pem, options.passphrase);
  if (usesRekorV2(services) && key.rekorV2Details === undefined) throw refuseRekorV2Key();
  const witnesses = openWitnesses(services, calls);
  const hint = Buffer.from(key.spkiSha256.hex, 'hex').toString('base64');
  const sign = (bytes: Buffer): Signature => signWithKey(key, bytes);
  return {
    by: { kind: 'key', spkiSha256: key.spkiSha256, publicKeyPem: key.publicKeyPem },
    signStatement: (statement, payloadType) => signBundle(statement, payloadType, hint, sign, witnesses),
  };
}

function signWithKey(key: SigningKey, bytes: Buffer): Signature {
  const { publicKeyPem: pem, spki: der, rekorV2Details } = key;
  return { bytes: key.sign(bytes), verifier: { kind: 'publicKey', pem, der, rekorV2Details } };
}

/**
 * Signs with certificates that Fulcio gives to the holder of an identity token.
 * Faults: config.signing-service, config.signing-time, before anything is signed.
 */
export function buildKeylessSigner(
  services: SigningServices,
  identity: IdentityTokenSource,
  calls: CallOptions = defaultCallOptions,
): Signer {
  const { certificateAuthority } = services;
  if (certificateAuthority === undefined)
    throw new Fault('config.signing-service', 'Cannot sign without a key: no certificate authority, want one');
  const witnesses = openWitnesses(services, calls);
  if (witnesses.length === 0) throw refuseTimeless('neither a log nor a timestamp authority');
  const sign = (bytes: Buffer): Promise<Signature> => signWithCertificate(certificateAuthority, identity, bytes, calls);
  return {
    by: { kind: 'keyless', certificateAuthority },
    signStatement: (statement, payloadType) => signBundle(statement, payloadType, undefined, sign, witnesses),
  };
}

/** A log of version 2 does not say when: without a timestamp no verifier could tell whether the signer was still valid. */
function openWitnesses(services: SigningServices, calls: CallOptions): readonly Witness[] {
  if (usesRekorV2(services) && services.timestampAuthorities.length === 0)
    throw refuseTimeless('a Rekor v2 log and no timestamp authority');
  return [
    ...services.logs.map((log) => openLog(log, calls)),
    ...services.timestampAuthorities.map((url) => openTimestampAuthority(url, calls)),
  ];
}

function usesRekorV2(services: SigningServices): boolean {
  return services.logs.some((log) => log.majorApiVersion === 2);
}

function refuseTimeless(has: string): Fault {
  return new Fault('config.signing-time', `Cannot sign: ${has}, so nothing would tell the time of the signature`, {
    next: 'add a timestamp authority (tsaUrls and tsaConfig) to the signing configuration',
  });
}
