import { limits } from '../../core/index.ts';
import { decompressBzip2 } from '../../formats/bzip2/index.ts';
import { parseFlatcarLicenses } from '../../formats/flatcar-licenses/index.ts';
import type { WholeFileCataloger } from '../cataloger.ts';
import { buildEbuildComponent } from '../ebuild-component.ts';

/** Flatcar's packages with their licences, of which the image has one list. */
export const flatcarLicenses: WholeFileCataloger = {
  looksAt: 'whole files',
  name: 'flatcar-licenses',
  selects: (path) => path === '/usr/share/licenses/licenses.json.bz2',
  maxBytes: limits.flatcarLicensesBytes,
  catalog: (content, { path }) =>
    parseFlatcarLicenses(decompressBzip2(content, limits.flatcarLicensesBytes)).map((entry) =>
      buildEbuildComponent(entry.package, {
        licenses: entry.licenses,
        description: entry.description,
        homepage: entry.homepage,
        evidence: [{ path, technique: 'manifest-analysis' }],
      }),
    ),
};
