import * as z from 'zod/mini';

/** The field forms that several documents share. Each is a whole-string match. */

export const sha256Hex = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** RFC 3339 in UTC, to the second or millisecond: one form, so that texts of one instant compare equal. */
export const utcTime = z
  .string()
  .check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/), z.refine(isTime, 'no such time'));

/** The engine takes February 30 for March 2, and 24:00 for the next day. */
function isTime(text: string): boolean {
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}

/** A name of ours: of a policy, a signer, a node set. No slash, no space, nothing that a shell or a path would read. */
export const plainName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}$/));
