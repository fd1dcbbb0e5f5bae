import { Digest, encodeCanonicalJson, type Json } from '../core/index.ts';
import { referenceType } from '../formats/reference/index.ts';
import { provenanceType, type Provenance } from '../formats/slsa/index.ts';
import { statementType, type Subject } from '../formats/statement/index.ts';
import {
  buildIdentitySubject,
  type MemberRole,
  type NodeIdentity,
  type NodeSet,
  nodeSetPredicateType,
  ociManifestDigest,
} from '../release/index.ts';
import type { BomDocument } from '../sbom/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import type { PlainFile } from './plain-files.ts';

/** CycloneDX has one predicate type for all its versions; the document says which it is. */
export const sbomType = 'https://cyclonedx.org/bom';

/** A file as it is shipped beside the one that was read: the same bytes compressed. */
export type ShippedFile = { readonly fileName: string; readonly sizeBytes: number; readonly sha256: Digest };

/** A statement that is ready to be signed: its bytes are what the signature covers. */
export type UnsignedStatement = {
  readonly predicateType: string;
  readonly subjectName: string;
  readonly subjects: number;
  readonly bytes: Uint8Array;
  readonly sha256: string;
};

export function buildProvenanceStatement(
  artifact: ImageArtifact | SysextArtifact,
  shipped: ShippedFile | null,
  provenance: Provenance,
): UnsignedStatement {
  return encodeStatement(artifact.fileName, provenanceType, provenanceSubjects(artifact, shipped), provenance as Json);
}

/** Provenance of files that nobody looked into. A digest that was given and not computed is the signer's word, and says so. */
export function buildFilesStatement(
  subjectName: string,
  files: readonly PlainFile[],
  provenance: Provenance,
): UnsignedStatement {
  const subjects = files.map(({ name, digests: [sha256], isRead }) =>
    subject(name, sha256, { role: 'file', ...(isRead ? {} : { nodeproof_verified: false }) }),
  );
  return encodeStatement(subjectName, provenanceType, subjects, provenance as Json);
}

/** The file, what is inside it and runs on its own, and the OCI manifest under which it is pushed. */
function provenanceSubjects(artifact: ImageArtifact | SysextArtifact, shipped: ShippedFile | null): readonly Subject[] {
  const pushed =
    artifact.kind === 'node-image' && shipped !== null
      ? shipped
      : { fileName: artifact.fileName, sizeBytes: artifact.sizeBytes, sha256: sha256Of(artifact) };
  return [
    ...memberSubjects(artifact, shipped),
    subject(
      `${pushed.fileName} as OCI artifact`,
      ociManifestDigest({
        kind: artifact.kind,
        fileName: pushed.fileName,
        sha256: pushed.sha256.hex,
        sizeBytes: pushed.sizeBytes,
      }),
      { role: 'oci-manifest' },
    ),
  ];
}

/** The subjects under which a member stands in the node set, too. */
function memberSubjects(artifact: ImageArtifact | SysextArtifact, shipped: ShippedFile | null): readonly Subject[] {
  if (artifact.kind === 'sysext') {
    return [
      subject(artifact.fileName, sha256Of(artifact), {
        role: artifact.extensionClass satisfies MemberRole,
        name: artifact.name,
      }),
    ];
  }
  const { fileName, kernel, updatePayload } = artifact;
  return [
    subject(fileName, sha256Of(artifact), { role: 'node-image' }),
    ...(shipped === null ? [] : [subject(shipped.fileName, shipped.sha256, { role: 'node-image-shipped' })]),
    ...(updatePayload === null
      ? []
      : [subject(`${fileName} update payload`, updatePayload.sha256, { role: 'update-payload' })]),
    ...(kernel === null ? [] : [subject(`${fileName} ${kernel.path}`, kernel.sha256, { role: 'kernel' })]),
  ];
}

type SbomOptions = {
  /** Bytes of a statement above which it holds a reference. */
  readonly storedStatementBytes: number;
  readonly context: { readonly builderId: string };
};

/** The SBOM itself as predicate; one that stores do not take (GitHub: 16 MiB) as a reference to the file beside it. */
export function buildSbomStatement(
  artifact: ImageArtifact | SysextArtifact,
  bom: BomDocument,
  file: { readonly name: string; readonly bytes: Uint8Array },
  { storedStatementBytes, context }: SbomOptions,
): UnsignedStatement {
  const subjects = memberSubjects(artifact, null).slice(0, 1);
  const whole = encodeStatement(artifact.fileName, sbomType, subjects, bom);
  if (whole.bytes.byteLength <= storedStatementBytes) return whole;
  return encodeStatement(artifact.fileName, referenceType, subjects, {
    attester: { id: context.builderId },
    references: [
      {
        name: file.name,
        downloadLocation: `./${file.name}`,
        mediaType: 'application/vnd.cyclonedx+json',
        digest: { sha256: Digest.of('sha256', file.bytes).hex },
      },
    ],
  });
}

export function buildNodeSetStatement(
  nodeSet: NodeSet,
  members: readonly (ImageArtifact | SysextArtifact)[],
  shipped: ShippedFile | null,
): UnsignedStatement {
  const subjects = [
    buildIdentitySubject(nodeSet.identity),
    ...members.flatMap((member) => memberSubjects(member, member.kind === 'node-image' ? shipped : null)),
  ];
  return encodeStatement(nodeSet.name, nodeSetPredicateType, subjects, nodeSet);
}

function encodeStatement(
  subjectName: string,
  predicateType: string,
  subjects: readonly Subject[],
  predicate: Json,
): UnsignedStatement {
  const bytes = encodeCanonicalJson({ _type: statementType, subject: subjects as Json, predicateType, predicate });
  const sha256 = Digest.of('sha256', bytes).hex;
  return { predicateType, subjectName, subjects: subjects.length, bytes, sha256 };
}

function subject(name: string, digest: Digest, annotations: Readonly<Record<string, string | boolean>>): Subject {
  return { name, digest: { [digest.algorithm]: digest.hex }, annotations };
}

export function sha256Of({ digests: [sha256] }: ImageArtifact | SysextArtifact): Digest {
  return sha256;
}

export function identityOf(image: ImageArtifact, sysexts: readonly SysextArtifact[]): Omit<NodeIdentity, 'type'> {
  const members = (extensionClass: SysextArtifact['extensionClass']) =>
    sysexts
      .filter((sysext) => sysext.extensionClass === extensionClass)
      .map((sysext) => ({ name: sysext.name, sha256: sha256Of(sysext).hex, rootHash: sysext.rootHash }));
  return {
    os: {
      id: image.os.id,
      versionId: image.os.versionId,
      buildId: image.os.buildId,
      architecture: image.architecture,
      usrHash: image.usrVerity?.rootHash ?? null,
    },
    sysexts: members('sysext'),
    confexts: members('confext'),
  };
}
