import type { Bundle, VerificationMaterial } from '@sigstore/bundle';

/** A signature with the public half of what made it. */
export type Signature = {
  readonly bytes: Buffer;
  readonly verifier: SignatureVerifier;
};

type SignatureVerifier = {
  readonly kind: 'x509Certificate' | 'publicKey';
  readonly pem: string;
  readonly der: Buffer;
  /** The name of protobuf-specs' PublicKeyDetails under which Rekor v2 takes it; absent where it does not. */
  readonly rekorV2Details: string | undefined;
};

/** An envelope of one signature, and where it goes into the bundle. */
export type SignedEnvelope = {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signature: Signature;
  /** The same, as the libraries take it. */
  readonly content: Bundle['content'];
};

type Testimony = Partial<Pick<VerificationMaterial, 'tlogEntries'>> & {
  readonly rfc3161Timestamps?: readonly { readonly signedTimestamp: Buffer }[];
};

/** A log or a timestamp authority: sees a signed envelope and vouches for it. */
export type Witness = { testify(signed: SignedEnvelope): Promise<Testimony> };
