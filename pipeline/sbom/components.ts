import { compareText, type Json } from '../core/index.ts';
import type { Component, ComponentKind, Technique } from '../inventory/index.ts';
import { Enums, Models } from './cyclonedx.ts';
import { hashesOf, isCpe } from './fields.ts';
import { buildLicenses } from './licenses.ts';

const types: Readonly<Record<ComponentKind, Enums.ComponentType>> = {
  'operating-system': Enums.ComponentType.OperatingSystem,
  kernel: Enums.ComponentType.Platform,
  sysext: Enums.ComponentType.Application,
  program: Enums.ComponentType.Application,
  library: Enums.ComponentType.Library,
  package: Enums.ComponentType.Library,
};

/** How far each way of recognising is to be believed: a linker's record more than a list, a list more than a file name. */
const confidences: Readonly<Record<Technique, number>> = {
  'binary-analysis': 0.9,
  'manifest-analysis': 0.8,
  filename: 0.5,
};

/** A component of the inventory with what the library's model can hold. */
export function buildModelComponent(component: Component): Models.Component {
  const model = new Models.Component(types[component.kind], component.name, {
    bomRef: component.key,
    hashes: hashesOf(component.digest === null ? [] : [component.digest]),
    licenses: buildLicenses(component.licenses),
    externalReferences: new Models.ExternalReferenceRepository(externalReferences(component)),
    properties: new Models.PropertyRepository(
      [...component.properties]
        .sort(([a], [b]) => compareText(a, b))
        .map(([name, value]) => new Models.Property(name, value)),
    ),
    ...(component.version === null ? {} : { version: component.version }),
    ...(component.purl === null ? {} : { purl: component.purl }),
    ...(component.description === null ? {} : { description: component.description }),
  });
  if (isCpe(component.cpe)) model.cpe = component.cpe;
  return model;
}

function externalReferences({ homepage, sources }: Component): Models.ExternalReference[] {
  const { Website, SourceDistribution } = Enums.ExternalReferenceType;
  return [
    ...(homepage === null ? [] : [new Models.ExternalReference(homepage, Website)]),
    ...sources.map(
      ({ url, digests }) => new Models.ExternalReference(url, SourceDistribution, { hashes: hashesOf(digests) }),
    ),
  ];
}

/** Evidence of identity and occurrences, CycloneDX 1.6 §component.evidence, for which the library has no model. */
export function buildEvidence({ evidence, purl }: Component): { readonly [key: string]: Json } {
  const techniques = [...new Set(evidence.map(({ technique }) => technique))].sort();
  const methods = techniques.map((technique) => ({ technique, confidence: confidences[technique] }));
  return {
    identity: [
      {
        field: purl === null ? 'name' : 'purl',
        confidence: Math.max(...methods.map(({ confidence }) => confidence)),
        methods,
      },
    ],
    occurrences: [...new Set(evidence.map(({ path }) => path))].sort().map((location) => ({ location })),
  };
}
