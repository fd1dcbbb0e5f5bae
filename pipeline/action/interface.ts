/** One input of the Action, as action.yml and the README describe it. */
export type InputSpec = {
  readonly about: string;
  /** What the runner gives where the workflow gives nothing. */
  readonly default?: string;
};

/** All inputs there are. action.yml is made of this table (`npm run docs`), so that no input can be read under another name. */
export const inputs = {
  mode: {
    about:
      '`attest` makes and signs the attestations of a release, and publishes them where `publish-to` says; `verify` fails the job unless `policy` admits the files; `publish` publishes a `bundle-dir` that was made before.',
    default: 'attest',
  },
  image: { about: 'Node image: raw disk or USR partition. A path or a glob that matches one file.' },
  shipped: { about: 'The compressed image as it is shipped. Its decompressed digest must be that of `image`.' },
  sysext: {
    about:
      'Sysexts of the set, one `[NAME=]GLOB` a line. NAME is the name they are merged under; without it that of their extension-release.',
  },
  'subject-path': {
    about:
      'Further files to attest plainly: provenance, nothing else. Paths or globs, one a line; `!GLOB` leaves out, `#` begins a comment.',
  },
  'node-set-name': { about: 'Name of the node set, which the names of its files begin with. Needed by `attest`.' },
  role: { about: 'What the set is for, such as worker.' },
  'valid-until': { about: 'End of the validity of the node set (RFC 3339, UTC).' },
  without: { about: 'Built-in sysexts of the image that nodes of this set mask, one a line.' },
  'build-context': {
    about:
      'JSON file with what GitHub does not know of the build: SDK image, sources of sysexts, parameters (pipeline/provenance/README.md). The provenance marks it as unverified.',
  },
  upstream: {
    about:
      "Folder with the image maker's DIGESTS or SHA256SUMS and their signatures. The files of the set must be the listed ones.",
  },
  'upstream-key': { about: 'OpenPGP keys that may have signed these lists. Paths or globs, one a line.' },
  key: {
    about:
      'PEM private key (a secret, never written to a file) or the path of one, to sign with. Without it the job signs as itself through Sigstore, which needs the permission `id-token: write`.',
  },
  'key-passphrase': { about: 'Passphrase of an encrypted key (a secret).' },
  'signing-config': {
    about: 'signing_config.v0.2.json of a private Sigstore: its Fulcio, Rekor and timestamp authorities.',
  },
  sigstore: {
    about:
      "`public-good` or `github`: which instance signs. Without it public repositories use Sigstore's public instance, and all others GitHub's own, which keeps no public log.",
  },
  'trusted-root': { about: 'trusted_root.json of the instances that sign or signed. Paths or globs, one a line.' },
  'bundle-dir': {
    about:
      '`attest`: the new directory to write to (default: one below the temporary directory of the runner). `publish`, `verify`: the directory that attest wrote.',
  },
  policy: { about: '`verify`: the policy, the only trust anchor of its verdict.' },
  'trust-pack': { about: '`verify`: trust pack of the release.' },
  'public-key': { about: '`verify`: PEM public keys that the policy pins. Paths or globs, one a line.' },
  from: {
    about:
      '`verify`: where attestations are looked for by digest, in this order, one a line: the same words as in `publish-to`.',
  },
  digest: { about: '`verify`: digests to judge without their files, `sha256:…`, one a line.' },
  'publish-to': {
    about:
      'Where to publish, in this order, one a line: `github-attestations`, `release`, `oci` or `directory:PATH`; or a whole store as `nodeproof publish` takes it: `oci:HOST/REPOSITORY`, `release:OWNER/REPO@TAG`.',
  },
  'push-to-registry': { about: '`true` is the same as `oci` in `publish-to`.', default: 'false' },
  registry: {
    about:
      'HOST/REPOSITORY for `oci`. Log in before with docker/login-action. The image and the sysexts are pushed there as well.',
  },
  'publish-artifacts': {
    about:
      '`false` sends only the bundles and what belongs to them to `release`, `oci` and `directory`, not the image (as shipped) and the sysexts themselves.',
    default: 'true',
  },
  'release-tag': { about: 'Tag of the release for `release` (default: the tag that the workflow runs for).' },
  'keep-draft': {
    about:
      '`true` leaves the release a draft when all is uploaded: for a matrix, whose last job publishes it. Assets of an immutable release can be added to its draft only.',
    default: 'false',
  },
  'dry-run': {
    about: '`true` says what would be published and publishes nothing; `attest` makes and signs it all the same.',
    default: 'false',
  },
  'github-token': {
    about: 'Token for attestations and releases. It goes to the API of this server only.',
    default: '${{ github.token }}',
  },
  'show-summary': { about: '`false` writes no step summary.', default: 'true' },
  'fail-on-missing': {
    about: '`false` warns where `image`, `shipped`, `sysext` or `subject-path` match no file, instead of failing.',
    default: 'true',
  },
} as const satisfies Readonly<Record<string, InputSpec>>;

export type InputName = keyof typeof inputs;

/** All outputs there are; lists have one entry a line. */
export const outputs = {
  'bundle-dir': 'Directory with everything that was made.',
  'bundle-paths': 'Paths of the Sigstore bundles, one a line.',
  'sbom-paths': 'Paths of the CycloneDX SBOMs, one a line.',
  'trust-pack': 'Path of the trust pack.',
  'identity-digest': 'Digest of the node identity, `sha256:…`: what every node of the set has, and no other.',
  'node-set': 'Path of the bundle of the node set.',
  'attestation-ids': 'IDs of the attestations at GitHub, one a line.',
  'attestation-urls': 'Pages of the attestations at GitHub, one a line.',
  verdict: '`admit` or `refuse`, of `verify`.',
} as const satisfies Readonly<Record<string, string>>;

export type OutputName = keyof typeof outputs;
