import { Fault } from '../../core/index.ts';

/** A package of a Gentoo-like distribution, Package Manager Specification §3. */
export type EbuildPackage = {
  readonly category: string;
  readonly name: string;
  /** With its revision: `3.5.4-r1`. */
  readonly version: string;
  /** `coreos-overlay`, where the text says. */
  readonly repository: string | null;
};

const longestText = 256;
const category = /^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/; // §3.1.1
const packageName = /^[A-Za-z0-9_][A-Za-z0-9+_-]*$/; // §3.1.2
const repositoryName = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/; // §3.1.5
const version = /^\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)\d*)*(?:-r\d+)?$/; // §3.2

/**
 * Parses `category/name-version`, with `::repository` behind it or without. Faults: ebuild.package.
 */
export function parseEbuildPackage(text: string): EbuildPackage {
  const [atom = '', repository = null, ...more] = text.slice(0, longestText + 1).split('::');
  const slash = atom.indexOf('/');
  const named = splitVersion(atom.slice(slash + 1));
  const isWhole =
    text.length <= longestText &&
    more.length === 0 &&
    category.test(atom.slice(0, Math.max(slash, 0))) &&
    (repository === null || repositoryName.test(repository));
  if (!isWhole || named === undefined)
    throw new Fault(
      'ebuild.package',
      `Cannot read package ${JSON.stringify(text.slice(0, 80))}: want category/name-version::repository`,
    );
  return { category: atom.slice(0, slash), ...named, repository };
}

/** The version starts behind a hyphen: the first one from which on everything is a version. */
function splitVersion(text: string): { readonly name: string; readonly version: string } | undefined {
  for (let hyphen = text.indexOf('-'); hyphen > 0; hyphen = text.indexOf('-', hyphen + 1)) {
    const rest = text.slice(hyphen + 1);
    if (version.test(rest)) {
      const name = text.slice(0, hyphen);
      return packageName.test(name) ? { name, version: rest } : undefined;
    }
  }
  return undefined;
}
