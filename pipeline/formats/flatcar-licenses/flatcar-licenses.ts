import { Fault, type Json, limits } from '../../core/index.ts';
import { type EbuildPackage, parseEbuildPackage } from '../ebuild/index.ts';
import { parseJsonBytes } from '../json/index.ts';

/** One package of the image, with its licences by Gentoo's names (`GPL-2`, `BSD`), which are not SPDX' names. */
export type FlatcarLicense = {
  readonly package: EbuildPackage;
  readonly licenses: readonly string[];
  readonly description: string | null;
  readonly homepage: string | null;
};

/**
 * Parses Flatcar's `licenses.json`, decompressed: a list of packages, as its `license_util.sh` writes it for the image.
 * Faults: flatcar-licenses.list, limit.flatcar-packages, ebuild.package, json.*, limit.json.
 */
export function parseFlatcarLicenses(content: Uint8Array): readonly FlatcarLicense[] {
  const list = parseJsonBytes(content, 'licence list', limits.flatcarLicensesBytes);
  if (!Array.isArray(list)) throw malformed('top level', 'want a list of packages');
  const packages = list as readonly Json[];
  if (packages.length > limits.flatcarPackages)
    throw new Fault(
      'limit.flatcar-packages',
      `Cannot read licence list: ${packages.length} packages, want at most ${limits.flatcarPackages}`,
    );
  return packages.map((entry, index) => {
    const { project, licenses, description, homepage } = membersOf(entry, `[${index}]`);
    if (typeof project !== 'string') throw malformed(`[${index}].project`, 'want a text');
    return {
      package: parseEbuildPackage(project),
      licenses: textsIn(licenses),
      description: typeof description === 'string' && description !== '' ? description : null,
      homepage: textsIn(homepage)[0] ?? null,
    };
  });
}

/** A list of texts, or one text with several words: `LICENSE` and `HOMEPAGE` of an ebuild are such texts. */
function textsIn(value: Json | undefined): readonly string[] {
  const texts = typeof value === 'string' ? [value] : Array.isArray(value) ? (value as readonly Json[]) : [];
  return texts.flatMap((text) => (typeof text === 'string' ? text.split(/\s+/) : [])).filter((text) => text !== '');
}

function membersOf(value: Json | undefined, field: string): { readonly [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(field, 'want an object');
  return value as { readonly [key: string]: Json };
}

function malformed(field: string, problem: string): Fault {
  return new Fault('flatcar-licenses.list', `Cannot read licence list: ${field}: ${problem}`, { where: field });
}
