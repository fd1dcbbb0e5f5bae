/** Writes DER, X.690: just the types that certificates and timestamps hold. */

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
/** A SET OF, whose members DER orders by their encoding (X.690 §11.6). */
export const setOf = (...items: readonly Uint8Array[]): Buffer =>
  der(0x31, ...[...items].sort((a, b) => Buffer.compare(a, b)));
export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const yes = (): Buffer => der(0x01, Buffer.from([0xff]));
/** A context-specific tag around other values, such as `[0] EXPLICIT`. */
export const explicit = (tag: number, ...items: readonly Uint8Array[]): Buffer => der(0xa0 | tag, ...items);
/** A context-specific tag in place of a primitive type's own, such as `[6] IMPLICIT IA5String`. */
export const implicit = (tag: number, bytes: Uint8Array): Buffer => der(0x80 | tag, bytes);

/** A non-negative INTEGER from big-endian bytes or a small number. */
export function integer(value: Uint8Array | number): Buffer {
  const bytes = typeof value === 'number' ? Buffer.from(value.toString(16).padStart(2, '0'), 'hex') : value;
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

/** RFC 5280 §4.1.2.5: UTCTime up to 2049, without a fraction. */
export const utcTime = (time: Date): Buffer => der(0x17, Buffer.from(stamp(time).slice(2)));
/** RFC 3161 §2.4.2: a fraction only where there is one, without zeros at its end (X.690 §11.7). */
export function generalizedTime(time: Date): Buffer {
  const fraction = (time.getTime() % 1000) / 1000;
  return der(
    0x18,
    Buffer.from(fraction === 0 ? stamp(time) : stamp(time).replace('Z', `${String(fraction).slice(1)}Z`)),
  );
}

function stamp(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}
