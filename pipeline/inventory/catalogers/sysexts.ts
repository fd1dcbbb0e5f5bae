import type { PathCataloger } from '../cataloger.ts';
import { buildComponent } from '../component.ts';
import { renderPurl } from '../purl.ts';

/**
 * Directories in which images keep extensions: those that systemd-sysext(8) and systemd-confext(8) search, Flatcar's
 * built-in and OEM ones, and where baked images keep them.
 */
const directories: ReadonlySet<string> = new Set([
  '/etc/extensions',
  '/usr/lib/extensions',
  '/usr/local/lib/extensions',
  '/var/lib/extensions',
  '/usr/lib/confexts',
  '/usr/local/lib/confexts',
  '/var/lib/confexts',
  '/usr/share/flatcar/sysext',
  '/usr/share/oem/sysext',
  '/oem/sysext',
  '/opt/extensions',
]);

const suffix = '.raw';

/** Extension images inside an image, each by its whole digest; what is in them is told by an SBOM of their own. */
export const sysexts: PathCataloger = {
  looksAt: 'paths',
  name: 'sysexts',
  catalog(path, digest) {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1, -suffix.length);
    if (digest === null || !path.endsWith(suffix) || name === '' || !isExtensionDirectory(path.slice(0, slash)))
      return [];
    return [
      buildComponent({
        kind: 'sysext',
        key: `sysext:${name}:${digest.hex}`,
        name,
        purl: renderPurl({ type: 'generic', name: `${name}-sysext`, qualifiers: { checksum: `sha256:${digest.hex}` } }),
        digest,
        evidence: [{ path, technique: 'filename' }],
      }),
    ];
  },
};

/** Baked images put versions of one extension into a directory of its name below `/opt/extensions`. */
function isExtensionDirectory(directory: string): boolean {
  return directories.has(directory) || directories.has(directory.slice(0, directory.lastIndexOf('/')));
}
