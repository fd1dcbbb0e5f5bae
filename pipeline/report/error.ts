import type { Fault } from '../core/index.ts';

/** An error for people: one line that says what and where, one that says what to do next. */
export function renderError(fault: Fault): string {
  const place = fault.where === undefined ? '' : `\n  where: ${printable(fault.where)}`;
  const next = fault.next === undefined ? '' : `\n  next:  ${printable(fault.next)}`;
  return `nodeproof: ${printable(fault.message)} [${fault.code}]${place}${next}\n`;
}

/** The JSON document that every command prints on failure. */
export function renderErrorJson(fault: Fault): string {
  const error = { code: fault.code, message: fault.message, where: fault.where ?? null, next: fault.next ?? null };
  return `${JSON.stringify({ error }, null, 2)}\n`;
}

/** Messages quote hostile input: control characters must not reach a terminal or forge a second line. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
