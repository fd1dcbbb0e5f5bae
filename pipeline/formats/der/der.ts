import { Fault, limits } from '../../core/index.ts';

/** One value of ASN.1 in its distinguished encoding: identifier, length, content (ITU-T X.690). */
export type DerElement = {
  /** The identifier octet: class, constructed bit and tag number. */
  readonly tag: number;
  /** The content octets. */
  readonly content: Uint8Array;
  /** The whole encoding, identifier and length included. */
  readonly encoding: Uint8Array;
  /** The elements of a constructed value; none of a primitive one. */
  readonly children: readonly DerElement[];
  /** Where the encoding starts in the input. */
  readonly offset: number;
};

/** Identifier octets of the universal types, with the constructed bit where DER has it. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** A context-specific tag: `[0]`, `[1]` … */
  context: (number: number, form: 'primitive' | 'constructed'): number =>
    0x80 | (form === 'constructed' ? constructedBit : 0) | number,
} as const;

const constructedBit = 0x20;
const classBits = 0xc0;
const tagNumberBits = 0x1f;

/** Universal types that DER encodes in one form only. */
const alwaysConstructed: ReadonlySet<number> = new Set([0x10, 0x11]);
const alwaysPrimitive: ReadonlySet<number> = new Set([0x01, 0x02, 0x03, 0x04, 0x05, 0x06]);

/**
 * Reads one DER value that takes all of the input. Refused is what BER has and DER has not (indefinite and overlong
 * lengths, constructed strings), tag numbers above 30, nesting deeper than `limits.derDepth` and what follows the value.
 *
 * Faults: der.tag, der.length, der.value, der.trailing, limit.der-depth, limit.der-elements.
 *
 * @param what what is read, for messages: `PKCS#7 signature`
 */
export function parseDer(bytes: Uint8Array, what: string): DerElement {
  const scan: Scan = { bytes, what, elements: 0 };
  const element = parseElement(scan, 0, bytes.length, 0);
  const end = element.offset + element.encoding.length;
  if (end !== bytes.length) throw malformed(scan, 'der.trailing', `${bytes.length - end} more bytes, want none`, end);
  return element;
}

type Scan = { readonly bytes: Uint8Array; readonly what: string; elements: number };

function parseElement(scan: Scan, start: number, end: number, depth: number): DerElement {
  if (depth >= limits.derDepth)
    throw malformed(scan, 'limit.der-depth', `deeper than ${limits.derDepth} values`, start);
  if (++scan.elements > limits.derElements)
    throw malformed(scan, 'limit.der-elements', `more than ${limits.derElements} values`, start);
  const { bytes } = scan;
  if (end - start < 2) throw malformed(scan, 'der.length', 'it ends inside a value', start);
  const tag = bytes[start] as number;
  checkForm(scan, tag, start);
  const { length, at } = parseLength(scan, start + 1, end);
  if (length > end - at) throw malformed(scan, 'der.length', `a value of ${length} bytes, have ${end - at}`, start);
  const content = bytes.subarray(at, at + length);
  const constructed = (tag & constructedBit) !== 0;
  const children: DerElement[] = [];
  const contentEnd = constructed ? at + length : at;
  for (let next = at; next < contentEnd;) {
    const child = parseElement(scan, next, contentEnd, depth + 1);
    children.push(child);
    next += child.encoding.length;
  }
  checkValue(scan, tag, content, start);
  return { tag, content, encoding: bytes.subarray(start, at + length), children, offset: start };
}

function checkForm(scan: Scan, tag: number, at: number): void {
  const number = tag & tagNumberBits;
  if (number === tagNumberBits) throw malformed(scan, 'der.tag', 'tag numbers above 30 are not supported', at);
  if ((tag & classBits) !== 0) return;
  const constructed = (tag & constructedBit) !== 0;
  if (number === 0 || (constructed ? alwaysPrimitive : alwaysConstructed).has(number))
    throw malformed(scan, 'der.tag', `identifier 0x${tag.toString(16)} is not DER`, at);
}

/** X.690 §10.1: definite lengths, in as few octets as they need. */
function parseLength(scan: Scan, start: number, end: number): { readonly length: number; readonly at: number } {
  const first = scan.bytes[start] as number;
  if (first < 0x80) return { length: first, at: start + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || count > end - start - 1)
    throw malformed(scan, 'der.length', `a length of ${count} octets`, start);
  const length = Buffer.from(scan.bytes.buffer, scan.bytes.byteOffset + start + 1, count).readUIntBE(0, count);
  if (length < 0x80 || length < 2 ** (8 * (count - 1)))
    throw malformed(scan, 'der.length', `a length of ${length} in ${count} octets`, start);
  return { length, at: start + 1 + count };
}

/** X.690 §8.3.2, §11.1 and §8.8: the one encoding of an integer, of a boolean and of null. */
function checkValue(scan: Scan, tag: number, content: Uint8Array, at: number): void {
  const [first, second] = content;
  if (tag === tags.integer) {
    const spare = first === 0 ? (second ?? 0xff) < 0x80 : first === 0xff && (second ?? 0) >= 0x80;
    if (first === undefined || spare) throw malformed(scan, 'der.value', 'an integer that is empty or too long', at);
  }
  if (tag === tags.boolean && (content.length !== 1 || (first !== 0 && first !== 0xff)))
    throw malformed(scan, 'der.value', 'a boolean that is neither 00 nor ff', at);
  if (tag === tags.null && content.length !== 0) throw malformed(scan, 'der.value', 'a null with content', at);
}

function malformed(scan: Scan, code: `der.${string}` | `limit.${string}`, problem: string, at: number): Fault {
  return new Fault(code, `Cannot read ${scan.what}: ${problem}`, { where: `${scan.what} at byte ${at}` });
}

/** An object identifier in dotted form (X.690 §8.19). Faults: der.tag, der.value. */
export function readOid(element: DerElement, what: string): string {
  if (element.tag !== tags.oid)
    throw new Fault('der.tag', `Cannot read ${what}: identifier 0x${element.tag.toString(16)}, want an OID`);
  const arcs: number[] = [];
  let arc = 0;
  let started = false;
  for (const octet of element.content) {
    // An arc begins with no octet of padding, and all arcs in use are far below 2^31.
    if ((!started && octet === 0x80) || arc >= 2 ** 24) throw badOid(element, what);
    arc = arc * 128 + (octet & 0x7f);
    started = octet >= 0x80;
    if (started) continue;
    arcs.push(arc);
    arc = 0;
  }
  const first = arcs[0];
  if (first === undefined || started) throw badOid(element, what);
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

function badOid(element: DerElement, what: string): Fault {
  return new Fault('der.value', `Cannot read ${what}: malformed OID`, { where: `${what} at byte ${element.offset}` });
}

/** Reads the elements of a constructed value in turn. Each read names its field; `end()` refuses what is left over. */
export class DerReader {
  readonly #parent: DerElement;
  readonly #record: string;
  #next = 0;

  /** @param record what is read, for messages. Faults: der.tag where the value is not what is wanted. */
  constructor(parent: DerElement, record: string, tag: number = tags.sequence) {
    if (parent.tag !== tag)
      throw new Fault(
        'der.tag',
        `Cannot read ${record}: identifier 0x${parent.tag.toString(16)}, want 0x${tag.toString(16)}`,
        {
          where: `${record} at byte ${parent.offset}`,
        },
      );
    this.#parent = parent;
    this.#record = record;
  }

  /** The next element, which must have this identifier. Faults: der.tag. */
  element(tag: number, field: string): DerElement {
    const element = this.optional(tag);
    if (element === undefined) {
      const found = this.#parent.children[this.#next];
      const actual = found === undefined ? 'nothing' : `identifier 0x${found.tag.toString(16)}`;
      throw new Fault('der.tag', `Cannot read ${this.#record}: ${field}: ${actual}, want 0x${tag.toString(16)}`, {
        where: `${this.#record} at byte ${found?.offset ?? this.#parent.offset}, field ${field}`,
      });
    }
    return element;
  }

  /** The next element if it has this identifier. */
  optional(tag: number): DerElement | undefined {
    const element = this.#parent.children[this.#next];
    if (element?.tag !== tag) return undefined;
    this.#next++;
    return element;
  }

  /** The elements of the next value, such as the fields of a SEQUENCE. */
  fields(tag: number, field: string): DerReader {
    return new DerReader(this.element(tag, field), `${this.#record}.${field}`, tag);
  }

  oid(field: string): string {
    return readOid(this.element(tags.oid, field), `${this.#record}.${field}`);
  }

  /** An INTEGER that is small, such as a version. Faults: der.tag, der.value. */
  smallInteger(field: string): number {
    const { content, offset } = this.element(tags.integer, field);
    if (content.length !== 1 || (content[0] as number) > 0x7f)
      throw new Fault('der.value', `Cannot read ${this.#record}: ${field}: want a number below 128`, {
        where: `${this.#record} at byte ${offset}, field ${field}`,
      });
    return content[0] as number;
  }

  get atEnd(): boolean {
    return this.#next === this.#parent.children.length;
  }

  /** Faults: der.trailing. */
  end(): void {
    const left = this.#parent.children.length - this.#next;
    if (left > 0)
      throw new Fault('der.trailing', `Cannot read ${this.#record}: ${left} more values, want none`, {
        where: `${this.#record} at byte ${this.#parent.children[this.#next]?.offset ?? this.#parent.offset}`,
      });
  }
}
