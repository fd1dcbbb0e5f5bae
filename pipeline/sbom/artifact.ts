import type { Digest } from '../core/index.ts';
import { renderPurl } from '../inventory/index.ts';
import { Enums, Models } from './cyclonedx.ts';
import { hashesOf, isCpe } from './fields.ts';

/** What an SBOM is about: one file that is shipped. */
export type SbomArtifact = {
  readonly kind: 'node-image' | 'sysext';
  /** Of a node image the operating system's ID, of a sysext the name under which systemd merges it. */
  readonly name: string;
  readonly version: string | null;
  readonly fileName: string;
  /** At least SHA-256: by it attestations and the SBOM name the same file. */
  readonly digests: readonly [Digest, ...Digest[]];
  /** systemd's word. */
  readonly architecture: string | null;
  readonly cpe?: string | null;
  /** More facts of the image by our names: `nodeproof:usr-hash`. */
  readonly properties?: ReadonlyMap<string, string>;
};

export function artifactRef({ digests: [first] }: SbomArtifact): string {
  return `artifact:${first.algorithm}:${first.hex}`;
}

/** The artifact as the document's subject, metadata.component. */
export function buildArtifactComponent(artifact: SbomArtifact): Models.Component {
  const { OperatingSystem, Application } = Enums.ComponentType;
  const isImage = artifact.kind === 'node-image';
  const facts = [['nodeproof:file-name', artifact.fileName], ...(artifact.properties ?? [])] as const;
  const component = new Models.Component(isImage ? OperatingSystem : Application, artifact.name, {
    bomRef: artifactRef(artifact),
    hashes: hashesOf(artifact.digests),
    purl: artifactPurl(artifact),
    properties: new Models.PropertyRepository(facts.map(([name, value]) => new Models.Property(name, value))),
    ...(artifact.version === null ? {} : { version: artifact.version }),
  });
  if (isCpe(artifact.cpe)) component.cpe = artifact.cpe;
  return component;
}

/** Neither node images nor sysexts have a type of their own. */
function artifactPurl({ kind, name, version, architecture, digests }: SbomArtifact): string {
  const sha256 = digests.find(({ algorithm }) => algorithm === 'sha256');
  return renderPurl({
    type: 'generic',
    name: kind === 'sysext' ? `${name}-sysext` : name,
    version,
    qualifiers: { arch: architecture, checksum: sha256 === undefined ? null : `sha256:${sha256.hex}` },
  });
}
