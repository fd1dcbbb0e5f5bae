/**
 * Quotes a text of the input for a message: cut to a readable length, and everything escaped that could move a terminal's
 * cursor or turn its text around, which JSON.stringify leaves as it is.
 */
export function quoteText(text: string): string {
  return JSON.stringify(text.slice(0, 120)).replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (unit) => `\\u{${unit.codePointAt(0)?.toString(16)}}`,
  );
}
