/**
 * Text from elsewhere in a table's cell or a line of GitHub-flavoured Markdown: it must not end a cell, nor begin markup or
 * a tag.
 */
export function escapeText(text: string): string {
  return text.replaceAll(/[|<>`*_[\]\\\p{Cc}\u2028\u2029]/gu, (character) =>
    /[\p{Cc}\u2028\u2029]/u.test(character) ? ' ' : `\\${character}`,
  );
}

/** A fenced block (GitHub Flavored Markdown §4.5), which no run of backticks in the text ends. */
export function codeBlock(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A code span, which nothing in it can end. */
export function codeSpan(text: string): string {
  return `\`${text.replaceAll(/[`|\p{Cc}\u2028\u2029]/gu, ' ')}\``;
}
