import { Enums, Models } from './cyclonedx.ts';

/** Gentoo's names of licences that are exactly one SPDX licence (Gentoo, licenses/ and metadata/license-mapping.conf). */
const spdxNames: Readonly<Record<string, string>> = {
  'AGPL-3': 'AGPL-3.0-only',
  'AGPL-3+': 'AGPL-3.0-or-later',
  'Apache-1.1': 'Apache-1.1',
  'Apache-2.0': 'Apache-2.0',
  'Apache-2.0-with-LLVM-exceptions': 'Apache-2.0 WITH LLVM-exception',
  Artistic: 'Artistic-1.0-Perl',
  'Artistic-2': 'Artistic-2.0',
  BSD: 'BSD-3-Clause',
  'BSD-1': 'BSD-1-Clause',
  'BSD-2': 'BSD-2-Clause',
  'BSD-4': 'BSD-4-Clause',
  'Boost-1.0': 'BSL-1.0',
  'CC0-1.0': 'CC0-1.0',
  'GPL-1': 'GPL-1.0-only',
  'GPL-1+': 'GPL-1.0-or-later',
  'GPL-2': 'GPL-2.0-only',
  'GPL-2+': 'GPL-2.0-or-later',
  'GPL-3': 'GPL-3.0-only',
  'GPL-3+': 'GPL-3.0-or-later',
  ISC: 'ISC',
  'LGPL-2': 'LGPL-2.0-only',
  'LGPL-2+': 'LGPL-2.0-or-later',
  'LGPL-2.1': 'LGPL-2.1-only',
  'LGPL-2.1+': 'LGPL-2.1-or-later',
  'LGPL-3': 'LGPL-3.0-only',
  'LGPL-3+': 'LGPL-3.0-or-later',
  MIT: 'MIT',
  'MPL-1.1': 'MPL-1.1',
  'MPL-2.0': 'MPL-2.0',
  openssl: 'OpenSSL',
  'PSF-2': 'PSF-2.0',
  Unlicense: 'Unlicense',
  ZLIB: 'Zlib',
  curl: 'curl',
};

/**
 * Licences as a package declares them: by SPDX identifier where the name is one licence of SPDX' list, else by the name
 * itself. Names are listed side by side; what joins them in the ebuild is not in the image.
 */
export function buildLicenses(names: readonly string[]): Models.LicenseRepository {
  const acknowledgement = Enums.LicenseAcknowledgement.Declared;
  const byText = new Map(names.map((name) => [spdxNames[name] ?? name, Object.hasOwn(spdxNames, name)]));
  return new Models.LicenseRepository(
    [...byText].map(([text, isSpdx]) =>
      // "WITH" makes an expression, and an expression would have to stand alone.
      isSpdx && !text.includes(' ')
        ? new Models.SpdxLicense(text, { acknowledgement })
        : new Models.NamedLicense(text, { acknowledgement }),
    ),
  );
}
