/** A package URL, ECMA-427 §5.6: type/namespace/name@version?qualifiers#subpath. */
export type PackageUrl = {
  readonly type: string;
  /** Segments. */
  readonly namespace?: readonly string[];
  readonly name: string;
  readonly version?: string | null;
  /** Empty values are left out. */
  readonly qualifiers?: Readonly<Record<string, string | null>>;
  readonly subpath?: readonly string[];
};

/** Renders the canonical form. */
export function renderPurl({ type, namespace = [], name, version, qualifiers = {}, subpath = [] }: PackageUrl): string {
  const path = [...namespace, name].map(encodeSegment).join('/');
  const query = Object.keys(qualifiers)
    .sort()
    .filter((key) => qualifiers[key])
    .map((key) => `${key}=${encodeSegment(qualifiers[key] ?? '')}`)
    .join('&');
  const below = subpath.map(encodeSegment).join('/');
  return [
    `pkg:${type}/${path}`,
    version ? `@${encodeSegment(version)}` : '',
    query === '' ? '' : `?${query}`,
    below === '' ? '' : `#${below}`,
  ].join('');
}

/**
 * The package URL of a Go module or of a package in it. The type's definition wants namespace and name in lower case; the
 * component's name keeps the true writing.
 */
export function golangPurl(module: string, version: string | null, packagePath: string | null = null): string {
  const segments = module.toLowerCase().split('/').filter(Boolean);
  const name = segments.pop() ?? module;
  const inside = packagePath?.startsWith(`${module}/`) ? packagePath.slice(module.length + 1).split('/') : [];
  return renderPurl({ type: 'golang', namespace: segments, name, version, subpath: inside.filter(Boolean) });
}

/** §5.4: everything but letters, digits and `.-_~` is percent-encoded, the colon is not. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');
}
