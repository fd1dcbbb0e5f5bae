import * as z from 'zod/mini';
import type { Json } from '../../core/index.ts';
import { parseWith } from '../schema/index.ts';
import type { Entry, NamedEntry, PlacedEntry } from './fragment.ts';

/** An empty value in YAML means nothing: null, or no text where scalars are read as text. */
function orBlank<T extends z.ZodMiniType>(schema: T) {
  return z.optional(
    z.pipe(
      z.transform((value: unknown): unknown => (value === null || value === '' ? undefined : value)),
      z.optional(schema),
    ),
  );
}

function listOf<T extends z.ZodMiniType>(entry: T) {
  return orBlank(z.array(entry));
}

const placed = z.looseObject({ path: z.string() });
const named = z.looseObject({ name: z.string() });
const unit = z.looseObject({ name: z.string(), dropins: listOf(named) });
const section = <S extends z.core.$ZodLooseShape>(shape: S) => orBlank(z.looseObject(shape));

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
  readonly storage: Readonly<Record<StorageList, readonly PlacedEntry[]>>;
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
  readonly dropins: readonly NamedEntry[];
};

/** Reads what a merge looks at. Fault: ignition.field. */
export function readLists(document: Json): UserLists {
  const { ignition, storage, systemd } = parseWith(documentSchema, document, 'ignition.field', 'the document');
  const { merge, replace } = ignition?.config ?? {};
  return {
    storage: {
      directories: entriesOf(storage?.directories),
      files: entriesOf(storage?.files),
      links: entriesOf(storage?.links),
    },
    units: entriesOf(systemd?.units).map((entry) => ({
      name: entry.name,
      entry,
      dropins: entriesOf(unit.parse(entry).dropins),
    })),
    mergesOthers: (merge ?? []).length > 0,
    isReplaced: isMeant(replace),
  };
}

/** They were JSON before they were checked, and are again: the check leaves `undefined` where a value was blank. */
function entriesOf<T>(entries: readonly T[] | undefined): readonly (Entry & T)[] {
  return JSON.parse(JSON.stringify(entries ?? [])) as readonly (Entry & T)[];
}

/** An object without a source replaces nothing. */
function isMeant(replaced: unknown): boolean {
  if (typeof replaced !== 'object' || replaced === null) return false;
  return Object.values(replaced).some((value) => value !== null && value !== '');
}
