import { compareText, type Digest } from '../core/index.ts';

export type ComponentKind =
  | 'operating-system'
  | 'kernel'
  | 'sysext'
  /** One executable file, at one or more paths. */
  | 'program'
  /** What was compiled into a program. */
  | 'library'
  /** What a package manager installed. */
  | 'package';

/** How a component was recognised, in CycloneDX' words (evidence.identity.methods.technique). */
export type Technique = 'binary-analysis' | 'manifest-analysis' | 'filename';

/** Where a component was read. */
export type Evidence = { readonly path: string; readonly technique: Technique };

/** A source that a component was built from. */
type SourceReference = { readonly url: string; readonly digests: readonly Digest[] };

export type Component = {
  readonly kind: ComponentKind;
  /** Tells components of one inventory apart; a function of the content. Two findings with one key are one component. */
  readonly key: string;
  readonly name: string;
  readonly version: string | null;
  /** Package URL, ECMA-427. */
  readonly purl: string | null;
  readonly cpe: string | null;
  readonly description: string | null;
  readonly homepage: string | null;
  /** Of the one file that the component is. */
  readonly digest: Digest | null;
  /** Licences as the source of information writes them. */
  readonly licenses: readonly string[];
  readonly sources: readonly SourceReference[];
  /** Facts that have no field of their own, by our names: `nodeproof:golang:h1`. */
  readonly properties: ReadonlyMap<string, string>;
  readonly evidence: readonly Evidence[];
  /** Keys of components that are inside. */
  readonly contains: readonly string[];
};

type Required = 'kind' | 'key' | 'name' | 'evidence';

/** A component with what is known about it; everything else is absent. */
export function buildComponent(known: Pick<Component, Required> & Partial<Omit<Component, Required>>): Component {
  return Object.freeze({
    version: null,
    purl: null,
    cpe: null,
    description: null,
    homepage: null,
    digest: null,
    licenses: [],
    sources: [],
    properties: new Map(),
    contains: [],
    ...known,
  });
}

/**
 * Findings with one key become one component: evidence, licences, sources, properties and content add up, a single fact
 * is the first one's that knows it. Sorted by key, so that the order of reading leaves no trace.
 */
export function mergeComponents(findings: readonly Component[]): readonly Component[] {
  const byKey = new Map<string, Component[]>();
  for (const finding of findings) {
    const same = byKey.get(finding.key);
    if (same === undefined) byKey.set(finding.key, [finding]);
    else same.push(finding);
  }
  return [...byKey.values()].map(mergeSame).sort((a, b) => compareText(a.key, b.key));
}

function mergeSame(same: readonly Component[]): Component {
  const first = same[0] as Component;
  if (same.length === 1) return first;
  return Object.freeze({
    ...first,
    version: firstKnown(same, 'version'),
    purl: same.map(({ purl }) => purl).reduce(longerText),
    cpe: firstKnown(same, 'cpe'),
    description: firstKnown(same, 'description'),
    homepage: firstKnown(same, 'homepage'),
    digest: firstKnown(same, 'digest'),
    licenses: unique(
      same.flatMap(({ licenses }) => licenses),
      (text) => text,
    ),
    sources: unique(
      same.flatMap(({ sources }) => sources),
      ({ url }) => url,
    ),
    properties: new Map(same.toReversed().flatMap(({ properties }) => [...properties])),
    evidence: unique(
      same.flatMap(({ evidence }) => evidence),
      ({ path, technique }) => `${technique} ${path}`,
    ),
    contains: unique(
      same.flatMap(({ contains }) => contains),
      (key) => key,
    ),
  });
}

function firstKnown<K extends keyof Component>(same: readonly Component[], field: K): Component[K] | null {
  return same.find((component) => component[field] !== null)?.[field] ?? null;
}

/** Package URLs of one component differ by their qualifiers: the one that says more is kept. */
function longerText(left: string | null, right: string | null): string | null {
  if (left === null || right === null) return left ?? right;
  return right.length > left.length ? right : left;
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const byKey = new Map(items.toReversed().map((item) => [keyOf(item), item]));
  return [...byKey.values()].sort((a, b) => compareText(keyOf(a), keyOf(b)));
}
