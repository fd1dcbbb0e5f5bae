import { type CommandSpec, flag, list, optionsNotGiven, type Run, requiredText, text } from './command.ts';

/** Options that several commands share mean the same everywhere. */
const json = flag('print one JSON document on stdout, on success and on failure');
const policy = requiredText('FILE', 'the policy: the only trust anchor of a verdict');
const trustPack = text(
  'FILE',
  'trust pack of the release: bundles, trusted roots and keys; untrusted until the policy pins them',
);
const bundle = list('FILE', 'Sigstore bundles (.sigstore.json) or lines of them (.intoto.jsonl)');
const trustedRoot = list('FILE', 'trusted_root.json that the policy pins');
const publicKey = list('FILE', 'PEM public key that the policy pins');
const at = text('TIME', 'judge at this time (RFC 3339, UTC) instead of now; the verdict says so');

export const inspectCommand = {
  path: ['inspect'],
  summary: 'what is in this node image or sysext',
  details:
    'Reads raw disk images, bare USR partitions and sysexts without root, without mounting and without other programs. The verity root hash of /usr is recomputed from every data block and compared with the superblock, the stored tree and the kernel. Exit 3 where an image contradicts itself.',
  operand: { placeholder: 'FILE', about: 'node images and sysexts', min: 1, max: 1000 },
  options: {
    digest: list('ALG', 'digests of a whole node image to compute: sha256, sha512 (a sysext always has its sha256)'),
    certificate: text('FILE', 'PEM certificate that signature partitions must be by'),
    json,
  },
  examples: ['nodeproof inspect flatcar_production_image.bin', 'nodeproof inspect kubernetes.raw --json'],
} as const satisfies CommandSpec;

export const sbomCommand = {
  path: ['sbom'],
  summary: 'CycloneDX SBOM of a node image or sysext, from the bytes',
  details:
    'Prints one SBOM on stdout, or writes FILE.cdx.json for each file into --out. Extensions inside an image get an SBOM of their own.',
  operand: { placeholder: 'FILE', about: 'node images and sysexts', min: 1, max: 1000 },
  options: {
    out: text('DIR', 'write FILE.cdx.json for each file into this new directory'),
    files: text('WHICH', 'file components: none, binaries (default) or all'),
    spec: text('VERSION', 'CycloneDX version: 1.6 (default) or 1.7'),
    json: flag('errors as JSON too (the SBOM always is)'),
  },
  examples: [
    'nodeproof sbom kubernetes.raw > kubernetes.raw.cdx.json',
    'nodeproof sbom flatcar_production_image.bin --out sboms',
  ],
} as const satisfies CommandSpec;

export const attestCommand = {
  path: ['attest'],
  summary: 'make and sign SBOMs, provenance and the node set of a release',
  details:
    "Reads one node image and its sysexts, refuses a set that contradicts itself, and writes into a new directory: ARTIFACT.cdx.json, ARTIFACT.sbom.sigstore.json and ARTIFACT.provenance.sigstore.json for each, SET.node-set.sigstore.json, SET.intoto.jsonl, SET.trust-pack.json, SET.summary.md and SHA256SUMS. Without --image there is no node set: sysexts are attested on their own, for policies with match: members. Files given with --subject get provenance alone, SET.files.provenance.sigstore.json. Signs with --key, or keyless with an identity token (--identity-token, or the one of a GitHub workflow): in GitHub Actions by Sigstore's public instance for a public repository, else by GitHub's own, which has no log; a visibility that is not known counts as private.",
  operand: null,
  options: {
    image: text('FILE', 'node image: raw disk or USR partition'),
    shipped: text('FILE', 'the compressed image as it is shipped; its decompressed digest must be that of --image'),
    sysext: list('[NAME=]FILE', 'sysexts of the set, under the name they are merged by'),
    without: list('NAME', 'built-in sysexts of the image that nodes of this set mask'),
    subject: list(
      'FILE|NAME@sha256:HEX',
      'further files to attest plainly, at most 16384; one that is not here by its digest',
    ),
    name: requiredText('SET', 'name of the node set, or of the release without one'),
    role: text('ROLE', 'what the set is for, such as worker'),
    'valid-until': text('TIME', 'end of the validity of the node set (RFC 3339, UTC)'),
    out: requiredText('DIR', 'directory to make; nothing is left behind on failure'),
    key: text(
      'FILE|env://VARIABLE',
      'PEM private key: P-256, P-384, Ed25519 or RSA; its file, or the variable that holds it',
    ),
    'identity-token': text('TOKEN|@FILE', 'OIDC token for keyless signing'),
    'signing-config': text('FILE', 'signing_config.v0.2.json: Fulcio, Rekor and timestamp authorities to use'),
    sigstore: text('INSTANCE', 'public-good or github; default in GitHub Actions: by the visibility of the repository'),
    'trusted-root': list('FILE', 'trusted_root.json for the trust pack'),
    'build-context': text('FILE', 'JSON: builder, source, parameters (pipeline/provenance/README.md)'),
    upstream: list(
      'FILE|DIR',
      "the image maker's lists: DIGESTS.asc (clearsigned), SHA256SUMS, and detached .sig files; or a directory with them",
    ),
    'upstream-key': list('FILE', 'OpenPGP keys that may have signed the lists'),
    json,
  },
  examples: [
    'nodeproof attest --image flatcar_production_image.bin --sysext kubernetes=kubernetes-v1.34.2-x86-64.raw --name workers-4593.2.5 --key release.pem --out release',
    'nodeproof attest --sysext kubernetes-v1.34.2-x86-64.raw --subject dist/* --name bakery-1.2 --key release.pem --out release',
  ],
} as const satisfies CommandSpec;

/** Where bundles are published and looked for. */
const storeOptions = {
  'registry-user': text('USER', 'user of the registry; default: what docker login left in its config.json'),
  'registry-password-file': text('FILE', 'file with the password or token of that user'),
  'registry-token-host': list('HOST', 'hosts beside the registry that may give its tokens, and see the credentials'),
  'github-token-file': text('FILE', "file with a token for GitHub's API; default: GITHUB_TOKEN, then GH_TOKEN"),
  'github-api-url': text('URL', 'REST API of GitHub; default: GITHUB_API_URL, then https://api.github.com'),
  'plain-http': flag('talk http to hosts other than loopback: anyone on the way reads and changes what is sent'),
};

export const publishCommand = {
  path: ['publish'],
  summary: 'put the bundles of a release where clients look for them by digest',
  details:
    'DIR is what attest wrote. directory:PATH is a content-addressed layout for any web server (pipeline/store/README.md); oci:HOST/REPOSITORY takes bundles as cosign writes them, attached to the files given with --artifacts, and lists them under the digest of every subject; github-attestations:OWNER/REPO takes the bundles alone; release:OWNER/REPO@TAG takes all files as assets, with the checksums as SET.SHA256SUMS, uploaded into a draft that is published then; the tag must be there. A second run writes only what is missing.',
  operand: { placeholder: 'DIR', about: 'directory that attest wrote', min: 1, max: 1 },
  options: {
    to: list(
      'STORE',
      'directory:PATH, oci:HOST/REPOSITORY, github-attestations:OWNER/REPO or release:OWNER/REPO@TAG, in this order',
    ),
    artifacts: list('FILE', 'the images and sysexts themselves, to be published too'),
    'keep-draft': flag('leave the release on GitHub a draft: for jobs of a matrix, of which the last one publishes it'),
    'dry-run': flag('only say what would be sent, without asking any store'),
    ...storeOptions,
    json,
  },
  examples: [
    'nodeproof publish release --to directory:/srv/www/nodes --artifacts kubernetes.raw',
    'nodeproof publish release --to oci:ghcr.io/acme/nodes --artifacts flatcar_production_image.bin.bz2 kubernetes.raw',
    'nodeproof publish release --to github-attestations:acme/nodes release:acme/nodes@v4593.2.5 --artifacts kubernetes.raw',
  ],
} as const satisfies CommandSpec;

/** Where bundles are looked for, and what of it is kept. */
const from = list(
  'STORE',
  'directory:PATH, directory:https://HOST/PATH, oci:HOST/REPOSITORY, github-attestations:OWNER[/REPO] or release:OWNER/REPO@TAG, asked in this order',
);
const cache = text(
  'DIR',
  'keep what was found, as a directory store does, and send for no byte twice; lists are always asked for, nothing is ever thrown away',
);
const searchTimeout = text(
  'SECONDS',
  'for all that servers are asked for together, 300 without it (60 for node verify --join); one that is cut off gave no answer',
);
const searchOptions = {
  from,
  cache,
  'search-timeout': searchTimeout,
  offline: flag('open no socket: only paths are allowed as stores; without any, --cache answers alone'),
  ...storeOptions,
};

/** For who looks at stores alone. */
export const noStoreOptions = optionsNotGiven(storeOptions);

/** For who runs a command within the program: no store is asked. */
export const noSearch = optionsNotGiven(searchOptions);

export const fetchCommand = {
  path: ['fetch'],
  summary: 'get the bundles about digests from where they were published',
  details:
    'All stores are asked, in the order in which they are given. Bundles that are about the digest come out as they are, nothing is verified by that: give them to verify. With --out they are written as sha256-DIGEST.sigstore.json, else printed one a line. Exit 1 where there is no bundle for a digest, 4 where there is none and a store gave no answer, or not a whole one.',
  operand: { placeholder: 'sha256:DIGEST', about: 'of artifacts, OCI manifests or node identities', min: 1, max: 1000 },
  options: {
    out: text('DIR', 'write the bundles into this new directory'),
    ...searchOptions,
    json,
  },
  examples: [
    'nodeproof fetch sha256:cea7e290edd50a99ee6ebf33311cf287ac6d78c38f37ffe11da1dd8aafea75c4 --from oci:ghcr.io/acme/nodes --out bundles',
  ],
} as const satisfies CommandSpec;

export const verifyCommand = {
  path: ['verify'],
  summary: "an auditor's check of artifacts against a policy, offline unless stores are named",
  details:
    'Each FILE or sha256:DIGEST gets a verdict. Attestations come from a trust pack, bundles, a directory of them, or with --from from stores, which are asked by digest alone; without --from no socket is opened. A store is untrusted transport: where it gives no answer, what is lacking could not be judged (exit 4).',
  operand: {
    placeholder: 'FILE|sha256:DIGEST',
    about: 'artifacts, or digests of artifacts or node identities',
    min: 1,
    max: 10_000,
  },
  options: {
    policy,
    'trust-pack': trustPack,
    bundle,
    dir: text('DIR', 'directory that attest wrote: all bundles, trusted roots and keys in it'),
    'trusted-root': trustedRoot,
    'public-key': publicKey,
    at,
    ...searchOptions,
    json,
  },
  examples: [
    'nodeproof verify kubernetes.raw --policy policy.yaml --trust-pack workers.trust-pack.json',
    'nodeproof verify kubernetes.raw --policy policy.yaml --public-key release.pub --from oci:ghcr.io/acme/nodes --cache bundles',
  ],
} as const satisfies CommandSpec;

export const policyCheckCommand = {
  path: ['policy', 'check'],
  summary: 'lint policies: fields, references, rules that could never match or match too much',
  details: 'Exit 2 where a policy cannot be used.',
  operand: { placeholder: 'FILE', about: 'policies', min: 1, max: 1000 },
  options: { json },
  examples: ['nodeproof policy check policies/*.yaml'],
} as const satisfies CommandSpec;

export const policyExplainCommand = {
  path: ['policy', 'explain'],
  summary: 'say in words what a policy requires',
  details: 'Who may sign what, what a node must be, and what is waived.',
  operand: { placeholder: 'FILE', about: 'one policy', min: 1, max: 1 },
  options: { json },
  examples: ['nodeproof policy explain policies/production.yaml'],
} as const satisfies CommandSpec;

export const policySchemaCommand = {
  path: ['policy', 'schema'],
  summary: 'print the JSON Schema of policy files, for editors',
  details: '',
  operand: null,
  options: { json: flag('the schema always is JSON') },
  examples: ['nodeproof policy schema > policy.schema.json'],
} as const satisfies CommandSpec;

export const policyTestCommand = {
  path: ['policy', 'test'],
  summary: "run a policy's own cases",
  details:
    'Each directory below DIR with a case.yaml is a case: a root or a subject, and the verdict and finding codes that are expected. Exit 1 where one comes out differently.',
  operand: { placeholder: 'DIR', about: 'directories of cases', min: 1, max: 100 },
  options: { json },
  examples: ['nodeproof policy test samples/demo/cases'],
} as const satisfies CommandSpec;

export const trustPackCommand = {
  path: ['trust', 'pack'],
  summary: 'make a trust pack of bundles, trusted roots and keys',
  details: 'A pack is untrusted transport: a policy decides what in it counts.',
  operand: {
    placeholder: 'BUNDLE',
    about: 'bundles (.sigstore.json), lines of them (.intoto.jsonl) or other trust packs',
    min: 1,
    max: 10_000,
  },
  options: {
    name: requiredText('NAME', 'name of the pack; versions are compared under it'),
    version: text('N', 'version, counting up; without it the seconds of the time it is issued at'),
    'expires-at': text('TIME', 'end of the pack (RFC 3339, UTC)'),
    'trusted-root': trustedRoot,
    'public-key': publicKey,
    revocation: list('FILE', 'signed revocation statements'),
    out: requiredText('FILE', 'file to write'),
    json,
  },
  examples: [
    'nodeproof trust pack release/*.sigstore.json --public-key release.pub --name workers --out workers.trust-pack.json',
  ],
} as const satisfies CommandSpec;

export const trustShowCommand = {
  path: ['trust', 'show'],
  summary: 'say what is in a trust pack, a trusted root, a public key or a bundle',
  details: 'Prints the SHA-256 values by which a policy pins roots and keys.',
  operand: {
    placeholder: 'FILE',
    about: 'trust packs, trusted_root.json, PEM public keys, bundles',
    min: 1,
    max: 1000,
  },
  options: { json },
  examples: ['nodeproof trust show workers.trust-pack.json', 'nodeproof trust show release.pub'],
} as const satisfies CommandSpec;

const state = text('FILE', 'what was accepted before (default: /var/lib/nodeproof/state.json of the node)');

export const trustRefreshCommand = {
  path: ['trust', 'refresh'],
  summary: 'add to an installed trust pack what was signed since',
  details:
    'Asks stores for what there is about the identity and the extensions of this node and of its next boot, about what that leads on to, and for revocations, and puts into the trust pack the node sets and revocations that count under the policy, with the provenance and SBOMs that it wants. A store is untrusted transport: all else is passed over and told, what no signer of the policy signed before anything in it is read. Nothing of the pack is dropped, and its name, version, issue and expiry stay as its operator delivered them: nobody signs these, so a store could make them up, and a pack that is too old stays too old. Where there is not room for all, revocations come first, then the node sets of this node and of its next boot, then those of other releases, the newest first; each goes in with its statements or not at all, and other releases leave a quarter of the pack to what this node will need. Those below the version floor of the policy are not taken. A pack or policy that node verify refuses as old is not refreshed (exit 1). Where a store gives no whole answer, or there is no room for a revocation or for what this node or its next boot needs, the rest is taken all the same, with exit 4; sets of other releases that are left out are told, with exit 0. A revocation by who may revoke that cannot be read is exit 3.',
  operand: null,
  options: {
    policy,
    'trust-pack': requiredText('FILE', 'the installed trust pack, which is replaced as a whole where there is more'),
    from: { ...from, required: true },
    root: text('DIR', 'a mounted or made-up root instead of this node'),
    state,
    cache,
    'search-timeout': searchTimeout,
    ...storeOptions,
    json,
  },
  examples: [
    'nodeproof trust refresh --policy /var/lib/nodeproof/policy.yaml --trust-pack /var/lib/nodeproof/trust-pack.json --from oci:ghcr.io/acme/nodes',
  ],
} as const satisfies CommandSpec;

const digestCache = text(
  'FILE',
  'digests of extensions told before, of files with the same numbers: for quick audits, refused with --join',
);

export const nodeCollectCommand = {
  path: ['node', 'collect'],
  summary: 'evidence of what this node runs',
  details:
    'Reads os-release, the kernel command line, the mount table, device-mapper tables, loop devices and every extension directory. With --root nothing of the host is read and the evidence is marked as simulated.',
  operand: null,
  options: {
    root: text('DIR', 'a mounted or made-up root; see samples/demo/README.md for its captured files'),
    'digest-cache': digestCache,
    json,
  },
  examples: ['nodeproof node collect --json > evidence.json'],
} as const satisfies CommandSpec;

const purposeOptions = {
  join: flag('before kubeadm join: only live evidence; an admission is remembered, and the verdict goes on record'),
  boot: flag('as --join, for kubelet to wait for at boot: exit 0 also where the policy lets it start unjudged'),
  record: flag('as --join, while the node runs'),
  enforce: flag('as --record, and stop kubelet where the node is refused (exit 1 or 3)'),
  'next-boot': flag('judge what the next boot would run instead: the slot, kernel and extensions that it takes'),
  'verdict-file': text('FILE', 'where the verdict goes on record (default: /run/nodeproof/verdict.json)'),
  timeout: text('SECONDS', 'refuse (exit 4) where there is no verdict by then (default: 60 for what goes on record)'),
} as const;

/** For a caller that merely asks. */
export const noPurpose = optionsNotGiven(purposeOptions);

export const nodeVerifyCommand = {
  path: ['node', 'verify'],
  summary: 'judge this node by a policy: collect, find the signed node set, decide',
  details:
    'Exit 0 admits. Where no signed node set has the identity of the node, the nearest one is named with the differences field by field. With --from stores are asked for what is said about the identity of the node and its extensions. With --join, --boot, --record and --enforce simulated evidence is refused (exit 2), and the verdict goes on record: `pending` first, then the outcome with the boot, the state of the merges and the policy that it is about. Nothing authorises from that record. With --next-boot the verdict is on what lies on the disk for the next boot: the slot that GRUB takes by the partition table, its kernel, its /usr recomputed from every data block, and the extensions that would be merged over it, those that its version selects among them. A release that is refused is known before the reboot. All of it is claimed: grades that the policy wants are asked for once it runs, as are mounts, merges, mappings, units and the kernel command line. An extension that the initrd would fetch, and a slot or kernel that cannot be read, are exit 4; a kernel that names another usr hash than its slot has is exit 3. It is never remembered.',
  operand: null,
  options: {
    policy,
    'trust-pack': trustPack,
    bundle,
    'trusted-root': trustedRoot,
    'public-key': publicKey,
    root: text('DIR', 'a mounted or made-up root instead of this node'),
    evidence: text('FILE', 'evidence that node collect wrote, instead of collecting it now'),
    state,
    ...purposeOptions,
    at,
    'digest-cache': digestCache,
    ...searchOptions,
    json,
  },
  examples: [
    'nodeproof node verify --policy /var/lib/nodeproof/policy.yaml --trust-pack /var/lib/nodeproof/trust-pack.json --join',
    'nodeproof node verify --policy /var/lib/nodeproof/policy.yaml --trust-pack /var/lib/nodeproof/trust-pack.json --next-boot',
  ],
} as const satisfies CommandSpec;

export const nodeLintCommand = {
  path: ['node', 'lint'],
  summary: 'settings of a node that undo protection, each with its fix',
  details:
    'Looks at image policies of the units that merge extensions (flags are alternatives: verity+signed takes what nobody signed), mutable merges, transfers of systemd-sysupdate without a signature, directories that others can write to, and how kubeadm joins. Exit 1 where anything but notes is found.',
  operand: null,
  options: {
    root: text('DIR', 'a mounted or made-up root instead of this node'),
    sarif: flag('SARIF 2.1.0, for code scanning'),
    json,
  },
  examples: ['nodeproof node lint', 'nodeproof node lint --root /mnt/node --sarif > lint.sarif'],
} as const satisfies CommandSpec;

export const nodeButaneCommand = {
  path: ['node', 'butane'],
  summary: 'what node install writes, as Butane and Ignition for machines that are made',
  details:
    "Writes a Butane document (Flatcar 1.1.0), and with --ignition the Ignition document (3.4.0) that it compiles to, with units, drop-ins, the policy, the trust pack and the program. Every file is pinned by its SHA-512; the program is fetched from --binary-url, and its hash is that of FILE: compressed or not, what arrives on disk must be it. The pack is cut down to what a verdict on a node looks at, so that the document fits where clouds take it; what fits where is told. With --merge everything is added to a user's document, in its language: Butane keeps its comments, and another file or unit in the place of one of ours is refused.",
  operand: null,
  options: {
    policy: requiredText('FILE', 'the policy that nodes are judged by'),
    'trust-pack': requiredText('FILE', 'trust pack of the release'),
    binary: requiredText('FILE', 'the program for nodes, as it is to lie on disk: its SHA-512 is pinned'),
    'binary-url': requiredText('URL', 'where machines fetch it, http or https; where the path ends in .gz, compressed'),
    merge: text('FILE', "a user's Butane (flatcar, fcos) or Ignition (3.0 to 3.4) document to be added to"),
    out: text('FILE', 'write the document into this new file instead of to stdout'),
    ignition: text('FILE', 'write the Ignition document into this new file'),
    compact: flag('Ignition in one compressed part, for user data that is short of room: EC2 takes 16 KiB'),
    strict: flag('the guard lets nothing be merged where anything is refused, instead of masking what is'),
    enforce: flag('a refusal that is found while the node runs stops kubelet'),
    from: list('STORE', 'stores that nodes fetch newer bundles from: forms as of verify --from'),
    json,
  },
  examples: [
    'nodeproof node butane --policy policy.yaml --trust-pack workers.trust-pack.json --binary nodeproof-linux-x64 --binary-url https://files.example.com/nodeproof-linux-x64.gz --merge worker.bu --out worker-proven.bu',
    'nodeproof node butane --policy policy.yaml --trust-pack workers.trust-pack.json --binary nodeproof-linux-x64 --binary-url https://files.example.com/nodeproof-linux-x64.gz --ignition worker.ign --compact',
  ],
} as const satisfies CommandSpec;

export const nodeGuardCommand = {
  path: ['node', 'guard'],
  summary: 'before extensions are merged: keep out what nobody signed',
  details:
    'Judges every image that the next merge would take. One that the signed node set does not have, or has with other bytes, is masked for this boot by a mount over its directory: nothing is moved or removed, and the join is refused. Exit 0 lets the merge go on; where an extension of the set is not there at all, or the node is otherwise not what was signed, nothing is to be merged. What the initrd merged already is unmerged where any of it is refused, and called detected. With --root nothing is changed.',
  operand: null,
  options: {
    policy,
    'trust-pack': trustPack,
    bundle,
    'trusted-root': trustedRoot,
    'public-key': publicKey,
    root: text('DIR', 'a mounted or made-up root instead of this node: tells what would be masked'),
    state,
    strict: flag('let nothing be merged where anything is refused'),
    at,
    json,
  },
  examples: [
    'nodeproof node guard --policy /var/lib/nodeproof/policy.yaml --trust-pack /var/lib/nodeproof/trust-pack.json',
  ],
} as const satisfies CommandSpec;

export const nodeInstallCommand = {
  path: ['node', 'install'],
  summary: 'put the verifier, its policy and its units on a node',
  details:
    'Writes the program, the policy and the trust pack into /var/lib/nodeproof, which no extension can cover, and units into /etc/systemd/system: the guard before every merge, the verdict of each boot that kubelet waits for, the verdict that kubeadm.service waits for, and a look after each change. A second run changes nothing. --uninstall leaves nothing.',
  operand: null,
  options: {
    policy: text('FILE', 'the policy; where it is not given, the one that is installed stays'),
    'trust-pack': text('FILE', 'the trust pack; where it is not given, the one that is installed stays'),
    program: text('FILE', 'the standalone program (default: the one that runs)'),
    from: list('STORE', 'stores that newer attestations are fetched from, twice a day'),
    strict: flag('the guard lets nothing be merged where anything is refused'),
    enforce: flag('a refusal that is found while the node runs stops kubelet'),
    root: text('DIR', 'the root of a node that is not running'),
    uninstall: flag('remove everything again, what was accepted before included'),
    'dry-run': flag('tell what would be changed, and change nothing'),
    json,
  },
  examples: [
    'nodeproof node install --policy policy.yaml --trust-pack workers.trust-pack.json',
    'nodeproof node install --uninstall',
  ],
} as const satisfies CommandSpec;

export const sysextSealCommand = {
  path: ['sysext', 'seal'],
  summary: 'make a verity disk image of a plain sysext, signed where a key is given',
  details:
    'Puts the same file system into a discoverable disk image (DDI) with a dm-verity tree and, with --key and --certificate, a signature partition as systemd-repart makes it: systemd then refuses every other byte, with --image-policy=root=signed+absent:usr=signed+absent every other signer. Wants no root and no other program; the same file and RSA key give the same bytes. It is read again before it gets its name.',
  operand: {
    placeholder: 'IN.raw OUT.raw',
    about: 'a plain sysext (squashfs, erofs, ext4 or btrfs), and the file to make',
    min: 2,
    max: 2,
  },
  options: {
    key: text(
      'FILE',
      'PEM private key (RSA, P-256 or P-384) that signs the root hash; passphrase in NODEPROOF_KEY_PASSPHRASE',
    ),
    certificate: text('FILE', 'PEM certificate of that key, as it lies in /etc/verity.d or /usr/lib/verity.d of nodes'),
    architecture: text('NAME', 'x86-64 or arm64, where the extension-release is for any'),
    json,
  },
  examples: [
    'nodeproof sysext seal kubernetes-v1.34.2-x86-64.raw kubernetes.raw --key verity.key --certificate verity.crt',
  ],
} as const satisfies CommandSpec;

export const demoCommand = {
  path: ['demo'],
  summary: 'everything above on samples, offline, in under a minute',
  details:
    'Makes a release of a small Flatcar-format image, admits an honest node and refuses every dishonest one of samples/demo/cases.',
  operand: null,
  options: { keep: text('DIR', 'leave the files of the demo in this new directory'), json },
  examples: ['nodeproof demo'],
} as const satisfies CommandSpec;

type Row = { readonly spec: CommandSpec; readonly load: () => Promise<unknown> };

/** A row of the table: the specification and where its code is loaded from, only when it runs. */
function row<C extends CommandSpec>(spec: C, load: () => Promise<Run<C>>): Row {
  return { spec, load };
}

/** Every command there is. Help and the README's list are made of it. */
export const commandRows: readonly Row[] = [
  row(inspectCommand, async () => (await import('./commands/inspect.ts')).runInspect),
  row(sbomCommand, async () => (await import('./commands/sbom.ts')).runSbom),
  row(attestCommand, async () => (await import('./commands/attest.ts')).runAttest),
  row(publishCommand, async () => (await import('./commands/publish.ts')).runPublish),
  row(fetchCommand, async () => (await import('./commands/fetch.ts')).runFetch),
  row(verifyCommand, async () => (await import('./commands/verify.ts')).runVerify),
  row(policyCheckCommand, async () => (await import('./commands/policy-check.ts')).runPolicyCheck),
  row(policyTestCommand, async () => (await import('./commands/policy-test.ts')).runPolicyTest),
  row(policyExplainCommand, async () => (await import('./commands/policy-explain.ts')).runPolicyExplain),
  row(policySchemaCommand, async () => (await import('./commands/policy-schema.ts')).runPolicySchema),
  row(trustPackCommand, async () => (await import('./commands/trust-pack.ts')).runTrustPack),
  row(trustShowCommand, async () => (await import('./commands/trust-show.ts')).runTrustShow),
  row(trustRefreshCommand, async () => (await import('./commands/trust-refresh.ts')).runTrustRefresh),
  row(nodeCollectCommand, async () => (await import('./commands/node-collect.ts')).runNodeCollect),
  row(nodeVerifyCommand, async () => (await import('./commands/node-verify.ts')).runNodeVerify),
  row(nodeGuardCommand, async () => (await import('./commands/node-guard.ts')).runNodeGuard),
  row(nodeInstallCommand, async () => (await import('./commands/node-install.ts')).runNodeInstall),
  row(nodeLintCommand, async () => (await import('./commands/node-lint.ts')).runNodeLint),
  row(nodeButaneCommand, async () => (await import('./commands/node-butane.ts')).runNodeButane),
  row(sysextSealCommand, async () => (await import('./commands/sysext-seal.ts')).runSysextSeal),
  row(demoCommand, async () => (await import('./commands/demo.ts')).runDemo),
];

export const groupSummaries: Readonly<Record<string, string>> = {
  node: 'evidence from a node, and the verdict on it',
  policy: 'lint, test, explain and describe policies',
  sysext: 'make sysexts that systemd itself can check',
  trust: 'make, read and refresh trust packs',
};
