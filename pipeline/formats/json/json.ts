import { quoteText } from './quote.ts';
import { decodeUtf8, Fault, type Json, limits } from '../../core/index.ts';

/**
 * Reads a JSON document (RFC 8259) of which two readers must never see two different values: a key that stands twice in
 * one object is refused, so are numbers beyond a double, lone surrogates (they have no UTF-8), deep nesting, and millions of
 * values of two or three characters, which take thirty times the text in memory.
 * Faults: json.syntax, json.duplicate-key, json.key, json.number, json.text, limit.json-depth, limit.json-values,
 * limit.json-members.
 *
 * @param what what is read, for messages: `bundle`, `statement`
 */
export function parseJson(text: string, what: string): Json {
  const lexical = scanText(text, what);
  const value = parseText(text, what);
  const members = checkValue(value, what, lexical.hasEscapes);
  // JSON.parse keeps the last of two equal keys: then the text has more members than the value.
  if (members !== lexical.members) throw duplicateKey(text, what);
  return value;
}

/** Reads a JSON document from bytes: at most `maxBytes`, valid UTF-8, no byte order mark. Faults: limit.json, bytes.utf8, json.*. */
export function parseJsonBytes(bytes: Uint8Array, what: string, maxBytes: number): Json {
  if (bytes.byteLength > maxBytes) {
    throw new Fault('limit.json', `Cannot read ${what}: ${bytes.byteLength} bytes, want at most ${maxBytes}`);
  }
  return parseJson(decodeUtf8(bytes, what), what);
}

type Lexical = { readonly members: number; readonly hasEscapes: boolean };

/** Counts what stands outside of strings: depth before anything recurses, values before any is made, members by their colons. */
function scanText(text: string, what: string): Lexical {
  let depth = 0;
  let members = 0;
  let values = 0;
  /** By depth: commas since the last bracket opened there, below zero in a list, whose length is no matter here. */
  const commas = new Float64Array(limits.jsonDepth + 1);
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    for (; at < end; at++) {
      const unit = text.charCodeAt(at);
      if (unit === 0x3a) members++;
      else if (unit === 0x2c) {
        values++;
        const inObject = (commas[depth] ?? 0) + 1;
        commas[depth] = inObject;
        if (inObject >= limits.jsonMembers) throw tooManyMembers(what);
      } else if (unit === 0x7b || unit === 0x5b) {
        depth = deeper(depth, what);
        commas[depth] = unit === 0x7b ? 0 : -Infinity;
        values++;
      } else if (unit === 0x7d || unit === 0x5d) depth--;
    }
    at = quote < 0 ? text.length : endOfString(text, quote);
  }
  const mostValues = limits.jsonValues + text.length / limits.jsonCharactersPerValue;
  if (values > mostValues) {
    throw new Fault(
      'limit.json-values',
      `Cannot read ${what}: ${values} values in ${text.length} characters, want at most ${Math.floor(mostValues)}`,
    );
  }
  return { members, hasEscapes: text.includes('\\u') };
}

/** An object of millions of members takes minutes to make and to look through. */
function tooManyMembers(what: string): Fault {
  return new Fault('limit.json-members', `Cannot read ${what}: an object of more than ${limits.jsonMembers} members`);
}

function deeper(depth: number, what: string): number {
  if (depth < limits.jsonDepth) return depth + 1;
  throw new Fault('limit.json-depth', `Cannot read ${what}: nested deeper than ${limits.jsonDepth}`);
}

/** The place after the string that starts at a quote; the text's end where it is not closed. */
function endOfString(text: string, quote: number): number {
  for (let close = text.indexOf('"', quote + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return close + 1;
  }
  return text.length;
}

function parseText(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    // The engine's message quotes the input: its first line says where, and nothing of a hostile text reaches a terminal.
    const place = /at position \d+/.exec(cause instanceof Error ? cause.message : '')?.[0];
    throw new Fault('json.syntax', `Cannot read ${what}: not JSON${place === undefined ? '' : ` (${place})`}`, {
      cause,
    });
  }
}

/** Counts the members of all objects, and refuses values that have no faithful form. Depth is bounded by the scan. */
function checkValue(value: Json, what: string, hasEscapes: boolean): number {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Fault('json.number', `Cannot read ${what}: a number is too large`);
  }
  if (typeof value === 'string' && hasEscapes && !value.isWellFormed()) throw loneSurrogate(what);
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) {
    let members = 0;
    for (const item of value as readonly Json[]) members += checkValue(item, what, hasEscapes);
    return members;
  }
  let members = 0;
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') throw new Fault('json.key', `Cannot read ${what}: the key "__proto__" is not allowed`);
    if (hasEscapes && !key.isWellFormed()) throw loneSurrogate(what);
    members += 1 + checkValue(item, what, hasEscapes);
  }
  return members;
}

function loneSurrogate(what: string): Fault {
  return new Fault('json.text', `Cannot read ${what}: a text holds half of a surrogate pair`);
}

/** Finds the key that stands twice, for the message. The text is valid JSON here. */
function duplicateKey(text: string, what: string): Fault {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length;) {
    const unit = text[at];
    if (unit !== '"') {
      if (unit === '{' || unit === '[') open.push(new Set());
      else if (unit === '}' || unit === ']') open.pop();
      at++;
      continue;
    }
    const end = endOfString(text, at);
    if (isBeforeColon(text, end)) {
      const key = JSON.parse(text.slice(at, end)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return duplicateKeyFault(key, at, what);
      keys?.add(key);
    }
    at = end;
  }
  return new Fault('json.duplicate-key', `Cannot read ${what}: a key stands twice in one object`);
}

function isBeforeColon(text: string, at: number): boolean {
  let next = at;
  while (' \t\r\n'.includes(text[next] ?? ':')) next++;
  return text[next] === ':';
}

function duplicateKeyFault(key: string, at: number, what: string): Fault {
  const shown = quoteText(key);
  return new Fault('json.duplicate-key', `Cannot read ${what}: the key ${shown} stands twice in one object`, {
    where: `character ${at}`,
  });
}
