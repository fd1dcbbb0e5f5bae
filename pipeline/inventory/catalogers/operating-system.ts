import { limits } from '../../core/index.ts';
import { parseOsRelease } from '../../formats/os-release/index.ts';
import type { WholeFileCataloger } from '../cataloger.ts';
import { buildComponent } from '../component.ts';
import { renderPurl } from '../purl.ts';

/**
 * The operating system, os-release(5). Only the vendor's file counts: `/etc/os-release` is a link to it, or the
 * administrator's word.
 */
export const operatingSystem: WholeFileCataloger = {
  looksAt: 'whole files',
  name: 'operating-system',
  selects: (path) => path === '/usr/lib/os-release',
  maxBytes: limits.releaseFileBytes,
  catalog(content, { path }) {
    const release = parseOsRelease(content);
    const version = release.versionId;
    const board = release.fields.get('FLATCAR_BOARD') ?? null;
    const facts = { buildId: release.buildId, version: release.version, board };
    return [
      buildComponent({
        kind: 'operating-system',
        key: `operating-system:${release.id}@${version ?? ''}`,
        name: release.id,
        version,
        purl: renderPurl({ type: 'generic', name: release.id, version, qualifiers: { board } }),
        cpe: cpeIn(release.fields.get('CPE_NAME')),
        description: release.prettyName ?? release.name,
        homepage: release.fields.get('HOME_URL') || null,
        properties: new Map(
          Object.entries(facts).flatMap(([fact, value]) => (value ? [[`nodeproof:os-release:${fact}`, value]] : [])),
        ),
        evidence: [{ path, technique: 'manifest-analysis' }],
      }),
    ];
  },
};

/** CPE 2.3 as os-release(5) wants it; the old URI form (`cpe:/o:`) and anything else is left out. */
function cpeIn(text: string | undefined): string | null {
  return text !== undefined && /^cpe:2\.3:[aho](?::[^:\s]{1,200}){10}$/.test(text) ? text : null;
}
