import type { Digest } from '../../core/index.ts';

/**
 * Signs one statement at a time. The port through which the use case of attesting reaches keys, certificate authorities,
 * logs and timestamps; its implementations live in `edge/sigstore`.
 */
export type Signer = {
  readonly by: SignerDescription;
  /**
   * Signs an envelope (DSSE) around exactly these bytes, and has it witnessed.
   *
   * @param payloadType the media type that is signed along, `application/vnd.in-toto+json` for statements
   * @returns the Sigstore bundle v0.3 as one line of JSON, without a newline
   * Faults: key.*, config.*, usage.identity-token, network.*, signing.*. None holds a secret.
   */
  signStatement(statement: Uint8Array, payloadType: string): Promise<Uint8Array>;
};

/** Who signs, for summaries and trust packs. */
export type SignerDescription =
  | {
      readonly kind: 'key';
      /** SHA-256 of the key's SubjectPublicKeyInfo; its base64 is the bundle's hint. */
      readonly spkiSha256: Digest;
      readonly publicKeyPem: string;
    }
  | { readonly kind: 'keyless'; readonly certificateAuthority: string };
