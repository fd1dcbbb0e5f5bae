export {
  type CommandLineGrammar,
  type CommandLineProblem,
  compareCommandLine,
  deniedArguments,
  flatcarCommandLine,
} from './command-line.ts';
export {
  buildIdentity,
  compareIdentities,
  encodeIdentity,
  type ExtensionClass,
  type ExtensionMember,
  identityDigest,
  type IdentityDifference,
  type IdentityFacts,
  type NodeIdentity,
  parseIdentity,
} from './identity.ts';
export {
  bindIdentity,
  buildIdentitySubject,
  type MemberRole,
  type NodeSet,
  nodeSetPredicateType,
  type NodeSetSubject,
  parseNodeSet,
  type StatementReference,
  type UsrVerity,
} from './node-set.ts';
export {
  buildEmptyOciDescriptor,
  emptyOciConfig,
  encodeOciManifest,
  type OciFile,
  ociManifestDigest,
} from './oci-manifest.ts';
