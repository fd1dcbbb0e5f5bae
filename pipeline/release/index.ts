export {
  type CommandLineGrammar,
  commandLineGrammarSchema,
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
  identitySchema,
  identityType,
  type NodeIdentity,
  parseIdentity,
} from './identity.ts';
export {
  bindIdentity,
  buildIdentitySubject,
  type MemberRole,
  memberRoles,
  type NodeSet,
  nodeSetPredicateType,
  nodeSetSchema,
  type NodeSetSubject,
  parseNodeSet,
  type StatementReference,
  type UsrVerity,
} from './node-set.ts';
export { encodeOciManifest, ociArtifactTypes, type OciFile, ociManifestDigest } from './oci-manifest.ts';
