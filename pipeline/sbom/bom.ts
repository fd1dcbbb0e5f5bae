import { hash } from 'node:crypto';
import type { Json } from '../core/index.ts';
import type { Inventory } from '../inventory/index.ts';
import { artifactRef, buildArtifactComponent, type SbomArtifact } from './artifact.ts';
import { buildEvidence, buildModelComponent } from './components.ts';
import { Enums, Models, Serialize, Spec } from './cyclonedx.ts';
import { buildFileComponents, fileListDigest, type FileSelection } from './files.ts';
import { buildCompositions, buildDependencies } from './relations.ts';

export type SbomOptions = {
  /** 1.6 by default. */
  readonly specVersion?: '1.6' | '1.7';
  /** The document's time, given from outside so that the same input makes the same bytes. */
  readonly timestamp: Date;
  /** `binaries` by default. */
  readonly files?: FileSelection;
  readonly tool: { readonly name: string; readonly version: string };
  /** Who makes the document. */
  readonly manufacturer?: { readonly name: string; readonly url?: string };
};

/** A CycloneDX document as a JSON value. */
export type BomDocument = { readonly [key: string]: Json };

/** Keeps the number's place until the content that it is made of is known. */
const nilSerialNumber = 'urn:uuid:00000000-0000-0000-0000-000000000000';

/** Files that could not be read are named up to this many, the rest is counted. */
const namedUnread = 100;

/** Renders the SBOM of an artifact: CycloneDX JSON, two spaces, a line break at the end; the same bytes for the same input. */
export function renderSbom(artifact: SbomArtifact, inventory: Inventory, options: SbomOptions): Uint8Array {
  return Buffer.from(`${JSON.stringify(buildBom(artifact, inventory, options), null, 2)}\n`, 'utf8');
}

/**
 * Builds the SBOM of an artifact. What the library models goes through it; what it lacks (evidence, compositions,
 * metadata.manufacturer) is added to the normalised document.
 */
export function buildBom(artifact: SbomArtifact, inventory: Inventory, options: SbomOptions): BomDocument {
  const selection = options.files ?? 'binaries';
  const ref = artifactRef(artifact);
  const bom = new Models.Bom({
    serialNumber: nilSerialNumber,
    metadata: buildMetadata(artifact, inventory, options),
    // Sets keep the order of insertion; the library's own sorting would depend on the locale.
    components: new Models.ComponentRepository(inventory.components.map(buildModelComponent)),
  });
  const document = normalize(bom, options.specVersion ?? '1.6');
  const unnumbered = {
    ...document,
    metadata: withManufacturer(document['metadata'] as BomDocument, options),
    components: [...withEvidence(document, inventory), ...buildFileComponents(inventory, selection)],
    dependencies: buildDependencies(ref, inventory.components),
    compositions: buildCompositions(ref, inventory, selection),
  };
  return { ...unnumbered, serialNumber: serialNumberOf(unnumbered) };
}

function buildMetadata(
  artifact: SbomArtifact,
  inventory: Inventory,
  { timestamp, tool }: SbomOptions,
): Models.Metadata {
  const { unread } = inventory;
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['nodeproof:files', String(inventory.files.length)],
    ['nodeproof:file-list-sha256', fileListDigest(inventory)],
    ['nodeproof:unread', String(unread.length)],
    ...unread.slice(0, namedUnread).map(({ path, code }) => ['nodeproof:unread-file', `${path} ${code}`] as const),
  ];
  return new Models.Metadata({
    timestamp,
    lifecycles: new Models.LifecycleRepository([Enums.LifecyclePhase.PostBuild]),
    tools: new Models.Tools({
      components: new Models.ComponentRepository([
        new Models.Component(Enums.ComponentType.Application, tool.name, { version: tool.version }),
      ]),
    }),
    component: buildArtifactComponent(artifact),
    properties: new Models.PropertyRepository(facts.map(([name, value]) => new Models.Property(name, value))),
  });
}

/** Absent members are gone after this, as they will be in the text. */
function normalize(bom: Models.Bom, specVersion: '1.6' | '1.7'): BomDocument {
  const spec = { '1.6': Spec.Spec1dot6, '1.7': Spec.Spec1dot7 }[specVersion];
  const normalized = new Serialize.JSON.Normalize.Factory(spec).makeForBom().normalize(bom, { sortLists: false });
  return JSON.parse(JSON.stringify(normalized)) as BomDocument;
}

function withManufacturer(metadata: BomDocument, { manufacturer }: SbomOptions): BomDocument {
  if (manufacturer === undefined) return metadata;
  const { name, url } = manufacturer;
  return { ...metadata, manufacturer: { name, ...(url === undefined ? {} : { url: [url] }) } };
}

function withEvidence(document: BomDocument, { components }: Inventory): readonly BomDocument[] {
  const byRef = new Map(components.map((component) => [component.key, component]));
  return ((document['components'] ?? []) as readonly BomDocument[]).map((normalized) => {
    const component = byRef.get(normalized['bom-ref'] as string);
    return component === undefined ? normalized : { ...normalized, evidence: buildEvidence(component) };
  });
}

/**
 * The number of exactly this content: a UUID of version 8 (RFC 9562 §5.8) from the document's SHA-256. CycloneDX would
 * rather have a new one each time, but the same input must make the same bytes.
 */
function serialNumberOf(document: BomDocument): string {
  const digits = hash('sha256', JSON.stringify(document), 'hex');
  const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const groups = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    variant + digits.slice(17, 20),
    digits.slice(20, 32),
  ];
  return `urn:uuid:${groups.join('-')}`;
}
