import { Fault } from './fault.ts';

/**
 * Reads a record field by field. Each read names its field, so that a fault tells the field and its place in the input;
 * `end()` refuses what is left over. All faults are `bytes.*`.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #record: string;
  readonly #base: number;
  #position = 0;

  /**
   * @param record what is read, for messages: `GPT header`
   * @param base where the first byte stands in the input, for messages
   */
  constructor(bytes: Uint8Array, record: string, base = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#record = record;
    this.#base = base;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#position;
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field));
  }
  u16le(field: string): number {
    return this.#view.getUint16(this.#take(2, field), true);
  }
  u16be(field: string): number {
    return this.#view.getUint16(this.#take(2, field), false);
  }
  u32le(field: string): number {
    return this.#view.getUint32(this.#take(4, field), true);
  }
  u32be(field: string): number {
    return this.#view.getUint32(this.#take(4, field), false);
  }
  /** A 64-bit number that must be a safe integer: sizes and offsets. */
  u64le(field: string): number {
    return this.#safe(this.u64leBig(field), field);
  }
  u64be(field: string): number {
    return this.#safe(this.#view.getBigUint64(this.#take(8, field), false), field);
  }
  u64leBig(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field), true);
  }

  /** A view of the next bytes. Check a length that the input gave against a limit before asking for it. */
  bytes(length: number, field: string): Uint8Array {
    const start = this.#take(length, field);
    return this.#bytes.subarray(start, start + length);
  }

  /** Bytes up to the first NUL, which must be ASCII; a field of fixed width padded with NULs. */
  asciiPadded(length: number, field: string): string {
    const raw = this.bytes(length, field);
    const end = raw.indexOf(0);
    const used = end < 0 ? raw : raw.subarray(0, end);
    for (const byte of used) {
      if (byte < 0x20 || byte > 0x7e)
        throw this.fault('bytes.ascii', field, `byte 0x${byte.toString(16)}, want printable ASCII`);
    }
    return String.fromCharCode(...used);
  }

  skip(length: number, field: string): void {
    this.#take(length, field);
  }

  seek(position: number, field: string): void {
    if (!Number.isSafeInteger(position) || position < 0 || position > this.#bytes.byteLength) {
      throw this.fault('bytes.range', field, `position ${position}, have ${this.#bytes.byteLength} bytes`);
    }
    this.#position = position;
  }

  /** Every record ends here: bytes that no field claims are refused. */
  end(): void {
    if (this.remaining > 0) throw this.fault('bytes.trailing', 'end', `${this.remaining} more bytes, want none`);
  }

  /** A fault at the reader's place, for the checks of the format that is read. */
  fault(code: `${string}.${string}`, field: string, problem: string): Fault {
    return new Fault(code, `Cannot read ${this.#record}: ${field}: ${problem}`, {
      where: `${this.#record} at byte ${this.#base + this.#position}, field ${field}`,
    });
  }

  #take(length: number, field: string): number {
    const start = this.#position;
    if (!Number.isSafeInteger(length) || length < 0 || length > this.#bytes.byteLength - start) {
      throw this.fault('bytes.short', field, `want ${length} bytes, have ${this.remaining}`);
    }
    this.#position = start + length;
    return start;
  }

  #safe(value: bigint, field: string): number {
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw this.fault('bytes.number', field, `${value} is larger than any size or offset`);
    return Number(value);
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 that must be valid. Faults: bytes.utf8. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new Fault('bytes.utf8', `Cannot read ${what}: not UTF-8`, { cause });
  }
}

/**
 * Decodes a file name or link target. Linux names are any bytes; one that is not UTF-8 keeps each foreign byte as the
 * lone surrogate U+DC00+byte (Python's surrogateescape), so that two different names never become the same text.
 */
export function decodeFileName(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return escapedName(bytes);
  }
}

function escapedName(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(0xdc00 + (bytes[at] as number))
        : strictUtf8.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** The length of the valid UTF-8 sequence that starts here, 0 where none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      strictUtf8.decode(bytes.subarray(at, at + length));
      return length;
    } catch {
      // a longer sequence may still be valid
    }
  }
  return 0;
}
