import type { EbuildPackage } from '../formats/ebuild/index.ts';
import { buildComponent, type Component } from './component.ts';
import { renderPurl } from './purl.ts';

/** A package that Flatcar built, as far as one of its lists tells. The lists agree on the key. */
export function buildEbuildComponent(
  { category, name, version, repository }: EbuildPackage,
  known: Pick<Component, 'evidence'> & Partial<Component>,
): Component {
  return buildComponent({
    kind: 'package',
    key: `ebuild:${category}/${name}@${version}`,
    name: `${category}/${name}`,
    version,
    // `ebuild` is a candidate type of the specification; this is the form of its proposal and of other tools.
    purl: renderPurl({ type: 'ebuild', namespace: [category], name, version, qualifiers: { repository } }),
    ...known,
  });
}
