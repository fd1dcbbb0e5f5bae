import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type Signer as VerifiedSigner, toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { createPublicKey } from 'node:crypto';
import type { Signer } from '../../../pipeline/attest/signing/index.ts';

export const inToto = 'application/vnd.in-toto+json';
export const statement = Buffer.from(
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'kubernetes.raw', digest: { sha256: 'ab'.repeat(32) } }],
    predicateType: 'https://nodeproof.dev/attestation/node-set/v1',
    predicate: { note: 'ä' },
  }),
);

/** One try, with time enough on a busy machine. */
export const impatient = { timeoutMs: 5000, retries: 0 };

export type Thresholds = {
  readonly tlogThreshold: number;
  readonly ctlogThreshold: number;
  readonly timestampThreshold: number;
};
export const noThresholds: Thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };

/** Verifies with @sigstore/verify alone, so that no code of ours judges what our code signed. */
export function verifyByKey(
  bundle: Uint8Array,
  signer: Signer,
  trustedRoot: object = {},
  thresholds = noThresholds,
): VerifiedSigner {
  const { by } = signer;
  if (by.kind !== 'key') throw new Error('not a key');
  const hint = Buffer.from(by.spkiSha256.hex, 'hex').toString('base64');
  const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot), (asked) => {
    if (asked !== hint) throw new Error(`unknown key ${asked}`);
    return { publicKey: createPublicKey(by.publicKeyPem), validFor: () => true };
  });
  return new Verifier(material, thresholds).verify(toSignedEntity(bundleFromJSON(parse(bundle))));
}

export function verifyByRoot(
  bundle: Uint8Array,
  trustedRoot: object,
  thresholds?: Partial<Thresholds>,
): VerifiedSigner {
  const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot));
  return new Verifier(material, thresholds).verify(toSignedEntity(bundleFromJSON(parse(bundle))));
}

export type BundleJson = {
  readonly mediaType: string;
  readonly verificationMaterial: {
    readonly certificate?: { readonly rawBytes: string };
    readonly publicKey?: { readonly hint: string };
    readonly tlogEntries?: readonly { readonly kindVersion: { readonly kind: string; readonly version: string } }[];
    readonly timestampVerificationData: { readonly rfc3161Timestamps?: readonly unknown[] };
  };
  readonly dsseEnvelope: {
    readonly payload: string;
    readonly payloadType: string;
    readonly signatures: readonly { readonly sig: string; readonly keyid?: string }[];
  };
};

export function parse(bundle: Uint8Array): BundleJson {
  return JSON.parse(Buffer.from(bundle).toString()) as BundleJson;
}

/** The fault that a step fails with. */
export async function faultOf(
  step: () => unknown,
): Promise<{ code: string; message: string; where?: string; next?: string; stack?: string; cause?: unknown }> {
  try {
    await step();
  } catch (error) {
    return error as never;
  }
  throw new Error('the step passed, want a fault');
}
