import { canonicalText, Fault, type Json } from '../../core/index.ts';
import { quoteText } from '../json/index.ts';
import type { Entry, FragmentLists, PlacedEntry, UnitEntry } from './fragment.ts';
import { readLists, type StorageList, storageLists, type UserLists } from './schema.ts';

/** Entries to be put behind those of a list, which is made where it is not there. */
export type Addition = { readonly at: readonly (string | number)[]; readonly entries: readonly Entry[] };

export type MergePlan = {
  readonly additions: readonly Addition[];
  /** What the merged document still leaves open, in a line each. */
  readonly notes: readonly string[];
};

/**
 * What is to be added to a user's document so that it holds a fragment, too. Nothing of the user's is changed: an entry that
 * stands there already in the same words is left out, one in other words is refused, and so is what would lead around ours.
 * A unit of somebody else that we have drop-ins for gets them. Faults: ignition.field, ignition.conflict, ignition.replaced.
 */
export function planMerge(document: Json, ours: FragmentLists): MergePlan {
  const theirs = readLists(document);
  refuseReplacement(theirs);
  const taken = listPlaces(theirs);
  const storage = storageLists.map((list) => ({
    at: ['storage', list],
    entries: ours.storage[list].filter((entry) => !isThere(`storage.${list}`, entry, entry.path, taken)),
  }));
  const units = planUnits(ours.systemd.units, theirs, taken);
  return {
    additions: [...storage, ...units].filter(({ entries }) => entries.length > 0),
    notes: theirs.mergesOthers ? [othersNote] : [],
  };
}

/** Adds to a copy. */
export function addEntries(document: Json, additions: readonly Addition[]): Json {
  return additions.reduce((value, { at, entries }) => addAt(value, at, entries), document);
}

function addAt(value: Json, [step, ...rest]: readonly (string | number)[], entries: readonly Entry[]): Json {
  if (step === undefined) return [...(isList(value) ? value : []), ...entries];
  if (isList(value)) return value.map((item, at) => (at === step ? addAt(item, rest, entries) : item));
  const object: Entry = typeof value === 'object' && value !== null ? value : {};
  return { ...object, [step]: addAt(object[step] ?? null, rest, entries) };
}

/** A place on disk that the user's document writes to, and where it says so. */
type Place = { readonly path: string; readonly where: string; readonly entry: Entry; readonly list: string };

/** Units are files, too. */
const unitDirectory = '/etc/systemd/system';

function listPlaces({ storage, units }: UserLists): readonly Place[] {
  const stored = storageLists.flatMap((list) => storage[list].map((entry, at) => placeOf(list, entry, at)));
  const ofUnits = units.flatMap(({ name, entry, dropins }, at) => {
    const where = `systemd.units[${at}]`;
    const path = `${unitDirectory}/${name}`;
    return [
      ...(entry['contents'] === undefined ? [] : [{ path: plainPath(path), where, entry, list: 'systemd.units' }]),
      ...dropins.map((dropin, index) => ({
        path: plainPath(`${path}.d/${dropin.name}`),
        where: `${where}.dropins[${index}]`,
        entry: dropin,
        list: 'dropins',
      })),
    ];
  });
  return [...stored, ...ofUnits];
}

function placeOf(list: StorageList, entry: PlacedEntry, at: number): Place {
  return { path: plainPath(entry.path), where: `storage.${list}[${at}]`, entry, list: `storage.${list}` };
}

/** Whether an entry of ours is there already. What else is at its path, or a link or file on the way to it, is refused. */
function isThere(list: string, entry: Entry, path: string, taken: readonly Place[]): boolean {
  let there = false;
  for (const place of taken) {
    if (place.path === path) {
      if (place.list !== list || !isSame(place.entry, entry)) throw conflict(path, place.where, 'says otherwise');
      there = true;
    } else if (place.list !== 'storage.directories' && path.startsWith(`${place.path}/`)) {
      throw conflict(path, place.where, `puts ${quoteText(place.path)} on the way to it`);
    }
  }
  return there;
}

function planUnits(ours: readonly UnitEntry[], { units }: UserLists, taken: readonly Place[]): readonly Addition[] {
  const additions: Addition[] = [];
  const added: Entry[] = [];
  for (const entry of ours) {
    const { name, dropins = [] } = entry;
    const path = `${unitDirectory}/${name}`;
    const at = units.findIndex((unit) => unit.name === name);
    const unit = units[at];
    if (unit !== undefined && isSame(unit.entry, entry)) continue;
    if (entry['contents'] !== undefined) {
      if (unit !== undefined) throw conflict(path, `systemd.units[${at}]`, 'says otherwise');
      isThere('systemd.units', entry, path, taken);
    }
    const missing = dropins.filter((dropin) => !isThere('dropins', dropin, `${path}.d/${dropin.name}`, taken));
    if (unit === undefined) added.push(entry);
    else if (missing.length > 0) additions.push({ at: ['systemd', 'units', at, 'dropins'], entries: missing });
  }
  return [...additions, { at: ['systemd', 'units'], entries: added }];
}

function refuseReplacement({ isReplaced }: UserLists): void {
  if (!isReplaced) return;
  throw new Fault(
    'ignition.replaced',
    'Cannot merge: ignition.config.replace puts another document in place of this one',
    {
      where: 'ignition.config.replace',
      next: 'Merge into the document that takes its place',
    },
  );
}

const othersNote =
  'ignition.config.merge: the documents that are fetched there win over this one and are not looked at here';

function conflict(path: string, where: string, problem: string): Fault {
  return new Fault(
    'ignition.conflict',
    `Cannot merge: ${where} ${problem}, and ${path} is needed as nodeproof has it`,
    {
      where,
      next: `Take ${where} out, or merge into a document without it`,
    },
  );
}

function isSame(left: Json, right: Json): boolean {
  return canonicalText(left) === canonicalText(right);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Without empty, `.` and `..` steps: Ignition refuses such paths, but not every reader of Butane does. */
function plainPath(path: string): string {
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return `/${steps.join('/')}`;
}
