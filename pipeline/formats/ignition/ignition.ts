import { Fault, type Json, limits } from '../../core/index.ts';
import { parseJsonBytes, quoteText } from '../json/index.ts';
import { type Fragment, listEntries, type Spelling } from './fragment.ts';
import { addEntries, planMerge } from './merge.ts';
import { compressedResource } from './resource.ts';

/** The version that what we write is in: Flatcar has had it since 3510 (2023). */
export const ignitionVersion = '3.4.0';

/** A document in the language in which it came, and what it leaves open. */
export type MergedDocument = { readonly text: string; readonly notes: readonly string[] };

/** Writes a fragment as an Ignition document of its own, without white space: user data is short of room. */
export function encodeIgnition(fragment: Fragment): string {
  return encode({ ignition: { version: ignitionVersion }, ...listEntries(fragment, spelling) });
}

/**
 * A document that holds another one compressed, and has Ignition put it in its own place: for user data that is short of
 * room.
 */
export function enfoldIgnition(document: string): string {
  const source = compressedResource(Buffer.from(document));
  return encode({ ignition: { version: ignitionVersion, config: { replace: source } } });
}

/**
 * Adds a fragment to a user's Ignition document, which keeps its version and everything in it.
 * Faults: ignition.version, ignition.field, ignition.conflict, ignition.replaced, json.*, limit.json, bytes.utf8.
 */
export function mergeIgnition(bytes: Uint8Array, fragment: Fragment): MergedDocument {
  const document = parseJsonBytes(bytes, 'the Ignition document', limits.nodeConfigBytes);
  checkVersion(document);
  const { additions, notes } = planMerge(document, listEntries(fragment, spelling));
  return { text: encode(addEntries(document, additions)), notes };
}

/** Modes are decimal: JSON knows no other. */
const spelling: Spelling = { mode: (mode) => mode, id: (id) => id, flag: (flag) => flag };

/** What a fragment uses has been there since 3.0.0; of what comes after 3.4.0 nothing is known. */
function checkVersion(document: Json): void {
  const version = fieldOf(fieldOf(document, 'ignition'), 'version');
  if (typeof version === 'string' && /^3\.[0-4]\.0$/.test(version)) return;
  const actual = typeof version === 'string' ? quoteText(version) : 'none';
  throw new Fault(
    'ignition.version',
    `Cannot merge into the Ignition document: its version is ${actual}, want 3.0.0 to 3.4.0`,
    {
      where: 'ignition.version',
      next: 'Give a Butane document with its variant, or an Ignition document of version 3',
    },
  );
}

function fieldOf(value: Json | undefined, field: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return (value as { readonly [key: string]: Json })[field];
}

function encode(document: Json): string {
  return `${JSON.stringify(document)}\n`;
}
