const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every cap on input, in one place. A reader checks the cap before it allocates; what exceeds one is refused by name with
 * the code `limit.<name>`. Values are far above what real node images hold and far below what hurts a small machine.
 */
export const limits = {
  /** Entries of any kind that one walk of a file tree may meet. */
  treeEntries: 2_000_000,
  /** Depth of directories below a tree's root. */
  treeDepth: 64,
  /** Entries of one directory. */
  directoryEntries: 200_000,
  /** Symbolic links followed while one path is resolved (Linux: 40). */
  symlinks: 40,
  /** Bytes of one path, and of one symbolic link's target (Linux: PATH_MAX). */
  pathBytes: 4096,
  /** Bytes of one regular file that a tree may declare: the largest disk we read is 64 GiB. */
  fileBytes: 64 * 1024 * MiB,
  /** Extended attributes of one inode: count and bytes of one value (Linux: XATTR_SIZE_MAX). */
  xattrs: 256,
  xattrBytes: 64 * KiB,
  /** Bytes of a text file that is read as a whole: os-release and its kin. */
  releaseFileBytes: 64 * KiB,
  /** Chunks of one btrfs file system (a 1 TiB one has about 1000), subvolumes that one reader enters, and bytes of cached nodes. */
  btrfsChunks: 16_384,
  btrfsSubvolumes: 256,
  btrfsNodeCacheBytes: 16 * MiB,
  /** Entries of a partition table (UEFI asks for room for 128; Linux numbers at most 256), and bytes of one entry. */
  gptEntries: 1024,
  gptEntryBytes: 4096,
  /**
   * Lines of a mount table (Linux: fs.mount-max is 100,000) and its bytes: each container has a line with all layers of its
   * image. Mounts of those that lie where evidence looks.
   */
  mounts: 100_000,
  mountTableBytes: 128 * MiB,
  watchedMounts: 4096,
  /** Mapped devices, targets of all of them, loop devices, and bytes of what a command prints about them. */
  mappedDevices: 1024,
  mappedTargets: 4096,
  loopDevices: 1024,
  commandBytes: 4 * MiB,
  /** Bytes of a statement that stores take: GitHub's attestations end at 16 MiB with their envelope in base64. */
  storedStatementBytes: 11 * MiB,
  /** Subjects of a statement that stores take (GitHub's attestations: 1024); what is more goes into a further statement. */
  storedStatementSubjects: 1024,
  /** Files that one release attests beside its members, and characters of their names, which every provenance repeats. */
  attestedFiles: 16_384,
  attestedFileNames: MiB,
  /** Dependencies that one provenance names. */
  provenanceResources: 4096,
  /** Bytes of an extension inside a node image: it is in memory while it is read. */
  nestedImageBytes: 1024 * MiB,
  /** Extensions inside one node image (Flatcar: two), and their bytes together. */
  nestedImages: 64,
  nestedImagesBytes: 4096 * MiB,
  /** Content of all files of one tree that an inventory reads: sparse files and bombs cost their whole size in time. */
  treeContentBytes: 16 * 1024 * MiB,
  /** Lines of a file of bundles. */
  bundleLines: 16_384,
  /** Bytes of a policy file. */
  policyBytes: 1 * MiB,
  /** Characters of a list of checksums, such as DIGESTS or SHA256SUMS. */
  checksumListBytes: 1 * MiB,
  /** Upstream's lists and their signatures for one release: each image has three such files. */
  upstreamFiles: 256,
  /** Characters of a kernel command line (Linux: COMMAND_LINE_SIZE is 2 to 4 KiB). */
  commandLineBytes: 64 * KiB,
  /** Program and section headers of an ELF file, and the bytes of its section names: programs have some dozens. */
  elfSegments: 512,
  elfSections: 16_384,
  elfNameBytes: MiB,
  /** Bytes of the section that holds Go build information, of its module list and of its version; modules in the list. */
  goBuildInfoBytes: 16 * MiB,
  goModuleListBytes: 8 * MiB,
  goVersionBytes: KiB,
  goModules: 20_000,
  /** Decompressed squashfs metadata blocks, and fragment blocks, that one open image keeps. */
  squashfsMetadataCacheBytes: 4 * MiB,
  squashfsFragmentCacheBytes: 16 * MiB,
  /** Depth of a JSON document. */
  jsonDepth: 64,
  /** Values of a JSON document: so many, and one more for each ten characters. A CycloneDX document has one for each twenty. */
  jsonValues: 100_000,
  jsonCharactersPerValue: 10,
  /** Members of one JSON object: specifications name dozens, maps by name hold thousands. */
  jsonMembers: 16_384,
  /** Bytes of a signed statement: an SBOM of 16 MiB (GitHub's limit), twice. The envelope's base64 is a third larger. */
  statementBytes: 32 * MiB,
  bundleBytes: 48 * MiB,
  /** Subjects of one statement, and algorithms of one digest set: GitHub takes 1024 subjects. */
  statementSubjects: 4 * KiB,
  digestSetAlgorithms: 16,
  /** Proof of one transparency log entry: a log of 2^64 entries has 64 hashes. Entries and timestamps of one bundle. */
  proofHashes: 64,
  bundleLogEntries: 8,
  bundleTimestamps: 8,
  /** Bytes of one certificate, timestamp, checkpoint, or other small part of a bundle. */
  bundlePartBytes: 64 * KiB,
  /** Bytes of a trusted root, and the certificates and keys in it. */
  trustedRootBytes: 4 * MiB,
  trustedRootEntries: 64,
  /** Bytes of a trust pack and what it may carry. */
  trustPackBytes: 64 * MiB,
  trustPackBundles: 4096,
  /** Room of a trust pack that what is added leaves: all but revocations to them, and what the node does not need yet to what it will. */
  trustPackBytesForRevocations: 4 * MiB,
  trustPackBytesForOwn: 16 * MiB,
  trustPackBundlesForOwn: 1024,
  /** Bytes of a PEM file. */
  pemBytes: 64 * KiB,
  /** Bytes of a verity tree's level 0, which is held in memory: 32 GiB of data in 4 KiB blocks with SHA-256. */
  verityLevelBytes: 256 * MiB,
  /** Bytes of a signing configuration, and services of one kind in it. */
  signingConfigBytes: 256 * KiB,
  signingServices: 64,
  /** Bytes of an identity token, and of an answer that a signing service gives. */
  identityTokenBytes: 32 * KiB,
  /** Bytes of the event that started a workflow (GitHub: 25 MB). */
  githubEventBytes: 32 * MiB,
  signingAnswerBytes: 4 * MiB,
  /** Bytes of one erofs extent, stored and decompressed (Linux: Z_EROFS_PCLUSTER_MAX_SIZE and Z_EROFS_PCLUSTER_MAX_DSIZE). */
  erofsClusterBytes: MiB,
  erofsExtentBytes: 12 * MiB,
  /** Bytes of a kernel image that is read as a whole (Flatcar: 60 MiB). */
  kernelBytes: 256 * MiB,
  /** Sections and certificates of a PE image (Windows loads at most 96 sections). */
  peSections: 96,
  peCertificates: 16,
  /** Readings of one file from its start while its parts are looked up. */
  fileReadings: 8,
  /** Bytes of one of Flatcar's SLSA statements and of its licence list, decompressed; packages in the list. */
  flatcarSlsaBytes: 8 * MiB,
  flatcarLicensesBytes: 16 * MiB,
  flatcarPackages: 10_000,
  /** Findings of components in one inventory, and files that catalogers read as a whole: each is little, many are not. */
  components: 500_000,
  catalogedFiles: 4_000,
  /** Pieces of an ext4 file that is read at any offset: 128 MiB each in a fresh file system. */
  ext4Runs: 4096,
  /** Bytes of one ext4 directory: 200,000 entries with long names. */
  ext4DirectoryBytes: 64 * MiB,
  /** Nesting and number of values in one DER document: a certificate has some hundred, a dozen deep. */
  derDepth: 32,
  derElements: 20_000,
  /** Bytes of the JSON in a verity signature partition (systemd-repart: at most 16 KiB with its padding). */
  veritySignatureBytes: 64 * KiB,
  /** What one store may give for one digest: bundles, their bytes in all, entries of its indexes, and pages of them. */
  storeBundles: 1024,
  storeFoundBytes: 256 * MiB,
  storeDescriptors: 4096,
  storePages: 64,
  /**
   * What one search over stores may give in all: bytes of bundles that one store may have us hold, and as many of no use;
   * digests that node sets lead on to, and junk that is told.
   */
  searchBytes: 512 * MiB,
  searchMembers: 256,
  searchJunk: 4096,
  /**
   * Bytes of one bundle that a refresh takes: attest makes none larger, as GitHub takes none. Bytes of revocations, of node sets,
   * and of other statements that it takes of one store: no trust pack has room for more.
   */
  refreshBundleBytes: 16 * MiB,
  refreshBytes: 64 * MiB,
  /** Node sets of releases that a node neither runs nor would boot next about whose files a refresh asks. */
  refreshOtherSets: 4,
  /** Digests besides those asked for under which one run lists bundles in a cache: each is a file. */
  cachedSubjects: 1024,
  /** Bytes of one page of GitHub's API with the bundles in it, and of an address in it. */
  githubPageBytes: 32 * MiB,
  addressBytes: 16 * KiB,
  /** Pages of releases among which a draft is looked for: GitHub lists no more than 10,000 releases, a hundred on a page. */
  githubReleasePages: 100,
  /** What GitHub takes: bytes and subjects of one attestation, and bytes of a release's asset. */
  githubAttestationBytes: 16 * MiB,
  githubSubjects: 1024,
  githubAssetBytes: 2048 * MiB,
  /** Bytes of an index, of a manifest, and layers of one. */
  storeIndexBytes: 4 * MiB,
  storeManifestBytes: 4 * MiB,
  storeLayers: 256,
  /** Bytes of what a server says beside the content asked for: a token, a reason. */
  serverWordBytes: 64 * KiB,
  /** Bytes of Docker's configuration, where it keeps credentials, and of a password's file. */
  dockerConfigBytes: 1 * MiB,
  passwordBytes: 64 * KiB,
  /** Bytes of a summary in Markdown: a GitHub runner shows no more of one step. */
  summaryBytes: MiB,
  /** Bytes of a user's Butane or Ignition document: user data of clouds ends at 256 KiB. */
  nodeConfigBytes: MiB,
  /** Settings of one unit file, and bytes of one. */
  unitSettings: 10_000,
  unitFileBytes: MiB,
  /** Units in one directory (Debian: 400), and drop-ins of one unit. */
  units: 16_384,
  dropIns: 256,
  /** Entries of one extension directory: each image in it is read as a whole. */
  extensions: 256,
  /** Bytes of a cache of digests, and files in it. */
  digestCacheBytes: MiB,
  digestCacheEntries: 2048,
  /** Bytes of a program that a unit runs (kubelet: 60 MiB). */
  programBytes: 1024 * MiB,
  /** Bytes of an evidence document. */
  evidenceBytes: 16 * MiB,
  /** Bytes of an image that a case of `policy test` unpacks, of its case.yaml, and cases in one run. */
  caseImageBytes: 512 * MiB,
  caseFileBytes: MiB,
  cases: 2000,
} as const;
