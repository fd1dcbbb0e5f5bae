/** Escapes of one letter, Go language specification, "Rune literals". A single quote is no escape inside a string. */
const letters: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 0x5c,
  '"': 0x22,
};

const escape = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/**
 * The text of a Go string literal, raw or interpreted, as strconv.Unquote reads it; undefined for anything that is none.
 * Escaped bytes that are not UTF-8 become U+FFFD.
 */
export function unquoteGo(literal: string): string | undefined {
  const quote = literal[0];
  if (literal.length < 2 || quote !== literal.at(-1)) return undefined;
  const body = literal.slice(1, -1);
  if (quote === '`') return body.includes('`') ? undefined : body.replaceAll('\r', '');
  if (quote !== '"' || /["\n]/.test(body.replaceAll(/\\./gs, ''))) return undefined;

  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const next = body.indexOf('\\', at);
    const end = next < 0 ? body.length : next;
    if (end > at) parts.push(Buffer.from(body.slice(at, end), 'utf8'));
    if (next < 0) break;
    escape.lastIndex = next;
    const match = escape.exec(body);
    const bytes = match === null ? undefined : escapedBytes(match);
    if (bytes === undefined) return undefined;
    parts.push(bytes);
    at = escape.lastIndex;
  }
  return Buffer.concat(parts).toString('utf8');
}

function escapedBytes([, letter, hex, octal, short, long]: RegExpExecArray): Uint8Array | undefined {
  if (letter !== undefined) return Uint8Array.of(letters[letter] as number);
  if (hex !== undefined) return Uint8Array.of(Number.parseInt(hex, 16));
  if (octal !== undefined) return Uint8Array.of(Number.parseInt(octal, 8));
  const point = Number.parseInt(short ?? long ?? '', 16);
  const isScalar = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return isScalar ? Buffer.from(String.fromCodePoint(point), 'utf8') : undefined;
}
