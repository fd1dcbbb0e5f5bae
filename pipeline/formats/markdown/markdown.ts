/**
 * Text from elsewhere in a table's cell or a line of GitHub-flavoured Markdown: it must not end a cell, nor begin markup or
 * a tag.
 */
export function escapeText(text: string): string {
  return text.replaceAll(/[|<>`*_[\]\\\p{Cc}\u2028\u2029]/gu, (character) =>
    /[\p{Cc}\u2028\u2029]/u.test(character) ? ' ' : `\\${character}`,
  );
}

/** A code span, which nothing in it can end. */
export function codeSpan(text: string): string {
  return `\`${text.replaceAll(/[`|\p{Cc}\u2028\u2029]/gu, ' ')}\``;
}
