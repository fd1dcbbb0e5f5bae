/** Bytes that a path keeps as they are: unreserved characters of RFC 3986 and the slash. */
const plain = /[A-Za-z0-9/._~-]/;

/**
 * A path as text that every reader of JSON takes. Names on Linux are any bytes, and one that is not UTF-8 reaches us with
 * lone surrogates (see decodeFileName): such a path becomes `bytes:` and its percent-encoded bytes. No two paths become
 * one, as every other path starts with a slash.
 */
export function readablePath(path: string): string {
  return path.isWellFormed() ? path : `bytes:${Array.from(path, encodeCharacter).join('')}`;
}

function encodeCharacter(character: string): string {
  const unit = character.charCodeAt(0);
  const isForeignByte = character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff;
  const bytes = isForeignByte ? Buffer.from([unit - 0xdc00]) : Buffer.from(character, 'utf8');
  return plain.test(character)
    ? character
    : [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
