/**
 * Anchored globs: `*` stands for any text within one path segment, `**` for any text across segments, every other
 * character for itself. A glob always covers the whole text.
 */

type Token = { readonly kind: 'literal'; readonly character: string } | { readonly kind: 'segment' | 'anything' };

/** Longest glob and longest text that are compared: the work is at most their product. */
const globCharacters = 1024;

/** True where the text has the shape of a glob: not empty, not too long, no run of three stars. */
export function isGlob(pattern: string): boolean {
  return pattern.length > 0 && pattern.length <= globCharacters && !pattern.includes('***');
}

/** Compares a whole text with a glob. Walks all alternatives in step, so that no pattern makes it slow. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (!isGlob(pattern) || text.length > globCharacters) return false;
  const tokens = parseGlob(pattern);
  let places = closure(tokens, new Set([0]));
  for (const character of text.split('')) {
    places = closure(tokens, step(tokens, places, character));
    if (places.size === 0) return false;
  }
  return places.has(tokens.length);
}

function parseGlob(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] !== '*') {
      tokens.push({ kind: 'literal', character: pattern.charAt(at) });
    } else if (pattern[at + 1] === '*') {
      tokens.push({ kind: 'anything' });
      at++;
    } else {
      tokens.push({ kind: 'segment' });
    }
  }
  return tokens;
}

/** A star may stand for nothing: the place after it is reached without a character. */
function closure(tokens: readonly Token[], places: Set<number>): Set<number> {
  for (const place of places) {
    const token = tokens[place];
    if (token !== undefined && token.kind !== 'literal') places.add(place + 1); // a Set's walk meets what it adds
  }
  return places;
}

function step(tokens: readonly Token[], places: ReadonlySet<number>, character: string): Set<number> {
  const next = new Set<number>();
  for (const place of places) {
    const token = tokens[place];
    if (token === undefined) continue;
    if (token.kind === 'literal') {
      if (token.character === character) next.add(place + 1);
    } else if (token.kind === 'anything' || character !== '/') {
      next.add(place);
    }
  }
  return next;
}
