import { home, places, unitDirectory } from './places.ts';
import { listDropIns, listUnits } from './units.ts';

/** How the units are to work. */
export type InstallationSettings = {
  /** Whether the guard lets nothing be merged where anything was refused, instead of masking what was. */
  readonly strict: boolean;
  /** Whether a refusal that is found while the node runs stops kubelet. */
  readonly enforce: boolean;
  /** The stores that newer bundles are fetched from; none where that is not wanted. */
  readonly stores: readonly string[];
};

/** A text file with its whole content. */
export type InstalledFile = { readonly path: string; readonly mode: number; readonly content: string };
export type InstalledLink = { readonly path: string; readonly target: string };
export type InstalledDirectory = { readonly path: string; readonly mode: number };

/** What stands on a node besides the program, the policy and the trust pack. */
export type Installation = {
  readonly directories: readonly InstalledDirectory[];
  readonly files: readonly InstalledFile[];
  /** What `systemctl enable` would make. */
  readonly links: readonly InstalledLink[];
};

/** Everything that `node install` writes and `node butane` declares, sorted by path: the same for the same settings. */
export function listInstallation(settings: InstallationSettings): Installation {
  const units = listUnits(settings);
  const files = [
    ...units.map(({ name, content }) => ({ path: `${unitDirectory}/${name}`, mode: 0o644, content })),
    ...listDropIns().map(({ unit, content }) => ({
      path: `${unitDirectory}/${unit}.d/${dropInName}`,
      mode: 0o644,
      content,
    })),
  ];
  const links = units.flatMap(({ name, wantedBy }) =>
    wantedBy.map((target) => ({
      path: `${unitDirectory}/${target}.wants/${name}`,
      target: `${unitDirectory}/${name}`,
    })),
  );
  return {
    directories: [
      { path: home, mode: 0o700 },
      { path: `${home}/bin`, mode: 0o700 },
    ],
    files: sortedByPath(files),
    links: sortedByPath(links),
  };
}

/** Before other drop-ins: what comes after it and undoes it is noticed by the verdict. */
export const dropInName = '10-nodeproof.conf';

/** The program, the policy and the trust pack with their modes. */
export const payload = [
  { path: places.program, mode: 0o700 },
  { path: places.policy, mode: 0o600 },
  { path: places.trustPack, mode: 0o600 },
] as const;

function sortedByPath<T extends { readonly path: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
