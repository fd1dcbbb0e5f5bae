import { zstdDecompressSync } from 'node:zlib';
import { Fault, limits } from '../../core/index.ts';
import { parseFlatcarSlsa } from '../../formats/flatcar-slsa/index.ts';
import { decodeXz } from '../../formats/xz/index.ts';
import type { WholeFileCataloger } from '../cataloger.ts';
import { buildEbuildComponent } from '../ebuild-component.ts';

const statementFile = /^\/usr\/share\/SLSA\/([^/]+\.json)\.(zst|xz)$/;

/** Flatcar's packages with the sources that each was built from, of which the image has one statement a package. */
export const flatcarSlsa: WholeFileCataloger = {
  looksAt: 'whole files',
  name: 'flatcar-slsa',
  selects: (path) => statementFile.test(path),
  maxBytes: limits.flatcarSlsaBytes,
  catalog(content, { path }) {
    const [, fileName = '', suffix = ''] = statementFile.exec(path) ?? [];
    const statement = parseFlatcarSlsa(decompress(content, suffix), fileName);
    return [
      buildEbuildComponent(statement.package, {
        sources: statement.sources.map(({ uri, digests }) => ({ url: uri, digests })),
        properties: new Map([
          ['nodeproof:flatcar:build-type', statement.buildType],
          ...(statement.commit === null ? [] : [['nodeproof:flatcar:commit', statement.commit] as const]),
        ]),
        evidence: [{ path, technique: 'manifest-analysis' }],
      }),
    ];
  },
};

function decompress(content: Uint8Array, suffix: string): Uint8Array {
  // Releases before 2024 have xz.
  if (suffix === 'xz') return decodeXz(content, { maxOutputBytes: limits.flatcarSlsaBytes });
  try {
    return zstdDecompressSync(content, { maxOutputLength: limits.flatcarSlsaBytes });
  } catch (cause) {
    throw new Fault(
      'flatcar-slsa.compression',
      `Cannot read SLSA statement: not zstd, or more than ${limits.flatcarSlsaBytes} bytes of content`,
      { cause },
    );
  }
}
