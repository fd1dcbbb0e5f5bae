import type { Json } from '../../core/index.ts';
import type { Resource } from './resource.ts';

/** What one author wants on a machine: a part of an Ignition or Butane document, in the words that both share. */
export type Fragment = {
  readonly directories: readonly { readonly path: string; readonly mode: number }[];
  readonly files: readonly { readonly path: string; readonly mode: number; readonly contents: Resource }[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
  readonly units: readonly FragmentUnit[];
};

/** A unit of our own, or with `contents: null` drop-ins over somebody else's. */
export type FragmentUnit = {
  readonly name: string;
  readonly contents: string | null;
  readonly dropins: readonly { readonly name: string; readonly contents: string }[];
};

/** An object of a document. */
export type Entry = { readonly [field: string]: Json };

export type PlacedEntry = Entry & { readonly path: string };
export type NamedEntry = Entry & { readonly name: string };

/** A fragment as the lists of a document. Butane and Ignition give these fields the same names. */
export type FragmentLists = {
  readonly storage: {
    readonly directories: readonly PlacedEntry[];
    readonly files: readonly PlacedEntry[];
    readonly links: readonly PlacedEntry[];
  };
  readonly systemd: { readonly units: readonly UnitEntry[] };
};

/** Without a list of drop-ins where there are none. */
export type UnitEntry = NamedEntry & { readonly dropins?: readonly NamedEntry[] };

/** How a language writes what is not text. */
export type Spelling = {
  readonly mode: (mode: number) => Json;
  readonly id: (id: number) => Json;
  readonly flag: (flag: boolean) => Json;
};

/**
 * Writes the lists. Files and links take the place of what is there; a directory keeps what is in it, so its owner, which
 * Ignition leaves as it is found, is named.
 */
export function listEntries(fragment: Fragment, spelling: Spelling): FragmentLists {
  const { mode, id, flag } = spelling;
  return {
    storage: {
      directories: fragment.directories.map((directory) => ({
        path: directory.path,
        mode: mode(directory.mode),
        user: { id: id(0) },
        group: { id: id(0) },
      })),
      files: fragment.files.map((file) => ({
        path: file.path,
        overwrite: flag(true),
        mode: mode(file.mode),
        contents: file.contents,
      })),
      links: fragment.links.map(({ path, target }) => ({ path, overwrite: flag(true), target })),
    },
    systemd: {
      units: fragment.units.map(({ name, contents, dropins }) => ({
        name,
        ...(contents === null ? {} : { contents }),
        ...(dropins.length === 0 ? {} : { dropins }),
      })),
    },
  };
}
