import * as z from 'zod/mini';
import type { Json } from '../../core/index.ts';
import { parseWith } from '../schema/index.ts';
import type { Entry } from './fragment.ts';

/** An empty value in YAML is no list, and nothing is meant by it: null, or no text where scalars are read as text. */
const blank = z.union([z.null(), z.literal('')]);

function listOf<T extends z.ZodMiniType>(entry: T) {
  return z.optional(z.union([blank, z.array(entry)]));
}

const placed = z.looseObject({ path: z.string() });
const named = z.looseObject({ name: z.string() });
const unit = z.looseObject({ name: z.string(), dropins: listOf(named) });
const section = <S extends z.core.$ZodLooseShape>(shape: S) => z.optional(z.union([blank, z.looseObject(shape)]));

/** What a merge looks at in a document of a user, in either language. All else is the user's and stays as it is. */
const documentSchema = z.looseObject({
  ignition: section({
    config: section({ merge: listOf(z.unknown()), replace: z.optional(z.unknown()) }),
  }),
  storage: section({ directories: listOf(placed), files: listOf(placed), links: listOf(placed) }),
  systemd: section({ units: listOf(unit) }),
});

/** Lists of a user's document: entries as they are, in their order. */
export type UserLists = {
  readonly storage: Readonly<Record<StorageList, readonly (Entry & { readonly path: string })[]>>;
  readonly units: readonly UserUnit[];
  /** Configurations that this one fetches: those it is merged with, and one that takes its place. */
  readonly mergesOthers: boolean;
  readonly isReplaced: boolean;
};

export const storageLists = ['directories', 'files', 'links'] as const;
export type StorageList = (typeof storageLists)[number];

export type UserUnit = {
  readonly name: string;
  readonly entry: Entry;
  readonly dropins: readonly (Entry & { readonly name: string })[];
};

/** Reads what a merge looks at. Fault: ignition.field. */
export function readLists(document: Json): UserLists {
  const { ignition, storage, systemd } = parseWith(documentSchema, document, 'ignition.field', 'the document');
  const config = sectionOf(sectionOf(ignition)?.config);
  const replaced = config?.replace;
  const lists = sectionOf(storage);
  return {
    storage: {
      directories: entriesOf(lists?.directories),
      files: entriesOf(lists?.files),
      links: entriesOf(lists?.links),
    },
    units: entriesOf(sectionOf(systemd)?.units).map((entry) => ({
      name: entry.name,
      entry,
      dropins: entriesOf(entry['dropins'] as typeof unit._zod.output.dropins),
    })),
    mergesOthers: (listed(config?.merge)?.length ?? 0) > 0,
    isReplaced: isMeant(replaced),
  };
}

function sectionOf<T extends object>(value: T | '' | null | undefined): T | undefined {
  return value === '' || value === null ? undefined : value;
}

function listed<T>(value: readonly T[] | '' | null | undefined): readonly T[] | undefined {
  return value === '' || value === null ? undefined : value;
}

/** They were JSON before they were checked. */
function entriesOf<T>(value: readonly T[] | '' | null | undefined): readonly (Entry & T)[] {
  return (listed(value) ?? []) as readonly (Entry & T)[];
}

/** An object without a source replaces nothing. */
function isMeant(replaced: unknown): boolean {
  if (typeof replaced !== 'object' || replaced === null) return false;
  return Object.values(replaced).some((value) => value !== null && value !== '');
}
