import { Fault } from './fault.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The canonical form of a JSON value, RFC 8785 (JCS): members sorted by UTF-16 code unit, numbers as ECMAScript prints
 * them, no white space. `undefined` members are an error: absent facts are null, or their member is left out by the caller.
 * Faults: canonical-json.value.
 */
export function encodeCanonicalJson(value: Json): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalText(value));
}

export function canonicalText(value: Json): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    // §3.2.2.3: NaN and infinities have no JSON form.
    if (!Number.isFinite(value)) throw new Fault('canonical-json.value', `Cannot encode the number ${value} as JSON`);
    return JSON.stringify(value);
  }
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object') throw new Fault('canonical-json.value', `Cannot encode a ${typeof value} as JSON`);
  const members = Object.keys(value)
    .sort() // by UTF-16 code unit, §3.2.3
    .map((key) => `${quoted(key)}:${canonicalText(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}

function quoted(text: string): string {
  // §3.2.2.2: a lone surrogate is not Unicode; two different texts must not share one canonical form.
  if (!text.isWellFormed())
    throw new Fault('canonical-json.value', 'Cannot encode a text with a lone surrogate as JSON');
  return JSON.stringify(text);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
