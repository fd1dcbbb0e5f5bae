/** A time that someone other than the signer vouches for. */
export type AuthenticatedTime = {
  /** RFC 3339, UTC. */
  readonly at: string;
  /** `timestamp-authority`: RFC 3161. `log-promise`: the transparency log's signed entry timestamp. */
  readonly source: 'timestamp-authority' | 'log-promise';
};

/** What Fulcio's extensions say about a GitHub Actions run (fulcio, docs/oid-info.md). Null where the certificate has none. */
export type GithubClaims = {
  readonly buildSignerUri: string | null;
  readonly buildSignerDigest: string | null;
  readonly runnerEnvironment: string | null;
  readonly sourceRepositoryUri: string | null;
  readonly sourceRepositoryDigest: string | null;
  readonly sourceRepositoryRef: string | null;
  readonly sourceRepositoryId: string | null;
  readonly sourceRepositoryOwnerUri: string | null;
  readonly sourceRepositoryOwnerId: string | null;
  readonly buildConfigUri: string | null;
  readonly buildConfigDigest: string | null;
  readonly buildTrigger: string | null;
  readonly runInvocationUri: string | null;
  readonly sourceRepositoryVisibility: string | null;
  readonly deploymentEnvironment: string | null;
};

export type CertificateSigner = {
  readonly kind: 'certificate';
  /** Names of the pinned roots that vouch for the certificate: two where a policy pins an instance's old and new root. Never empty. */
  readonly roots: readonly string[];
  readonly issuer: string;
  readonly subjectAlternativeName: string;
  readonly github: GithubClaims;
  /** SHA-256 of the certificate in DER. */
  readonly certificateSha256: string;
  readonly spkiSha256: string;
  /** Authenticated times of the signature, oldest first; never empty. */
  readonly signedAt: readonly AuthenticatedTime[];
};

export type KeySigner = {
  readonly kind: 'key';
  /** Name of the pinned key. */
  readonly name: string;
  readonly spkiSha256: string;
  readonly validFrom: string | null;
  readonly validUntil: string;
  /** Authenticated times of the signature, oldest first; empty where the bundle has none. */
  readonly signedAt: readonly AuthenticatedTime[];
  /** Name of the pinned root whose log or timestamp authority vouches for the times; null without times. */
  readonly timeRoot: string | null;
};

/** Who signed, as the verified bundle proves it. */
export type Signer = CertificateSigner | KeySigner;
