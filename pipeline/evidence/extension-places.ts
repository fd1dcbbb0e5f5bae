/**
 * Where systemd looks, the earlier directory hiding the later one's entries of the same name (systemd-sysext(8);
 * src/shared/discover-image.c). `/.extra` is what the boot loader gave to the initrd, which looks there last.
 */
export const searchDirectories = {
  sysext: [
    '/etc/extensions',
    '/run/extensions',
    '/var/lib/extensions',
    '/usr/local/lib/extensions',
    '/usr/lib/extensions',
    '/.extra/sysext',
    '/.extra/global_sysext',
  ],
  confext: [
    '/run/confexts',
    '/var/lib/confexts',
    '/usr/local/lib/confexts',
    '/usr/lib/confexts',
    '/.extra/confext',
    '/.extra/global_confext',
  ],
} as const satisfies Readonly<Record<'sysext' | 'confext', readonly string[]>>;

/** All of them: a mount there shows the next merge something else than what lies there. */
export const extensionDirectories: readonly string[] = Object.values(searchDirectories).flat();

/** Where Flatcar keeps the images that links in the search directories lead to. */
const imageDirectories = ['/opt/extensions', '/oem/sysext', '/etc/flatcar/sysext', '/etc/flatcar/oem-sysext'];

/** Mounts at or below these are evidence: what is signed, what is merged, and what judges. */
const watched = [
  '/usr',
  '/opt',
  '/etc',
  '/run/systemd',
  '/var/lib/nodeproof',
  ...extensionDirectories,
  ...imageDirectories,
];

const belowWatched = watched.map((place) => `${place}/`);

/** Whether a mount there is evidence. A node may have 100,000 mounts. */
export function isWatched(mountPoint: string): boolean {
  const below = `${mountPoint}/`;
  return belowWatched.some((place) => below.startsWith(place));
}

/** Whether a path is a directory or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** Places that two mount tables must show alike, besides the mount points themselves. */
export const comparedPlaces: readonly string[] = ['/', ...watched, '/boot', '/run', '/var/lib'];
