import { Fault } from '../../core/index.ts';

/** One file or directory of a FAT directory. */
export type DirectoryEntry = {
  readonly name: string;
  /** The 8.3 name under which readers without long names find it. */
  readonly shortName: string;
  /** Where its 32-byte entry stands in the directory. */
  readonly position: number;
  readonly directory: boolean;
  readonly readOnly: boolean;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
};

const entryBytes = 32;
const attribute = { readOnly: 0x01, volumeLabel: 0x08, directory: 0x10, longName: 0x0f } as const;

/**
 * Parses a directory's content: "FAT Directory Structure" and "Long File Name Implementation" of Microsoft's document.
 * `.`, `..`, deleted entries and the volume label are left out. A long name whose parts do not belong together or not to
 * the short entry behind them is ignored, as Linux does.
 *
 * Names must differ also where case is ignored: which of `vmlinuz-a` and `VMLINUZ-A` boots would depend on the reader.
 * Faults: fat.name, fat.duplicate-name.
 */
export function parseDirectory(content: Uint8Array, kind: 12 | 16 | 32): readonly DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  let parts: LongNamePart[] = [];
  for (let position = 0; position + entryBytes <= content.byteLength; position += entryBytes) {
    const raw = content.subarray(position, position + entryBytes);
    const first = raw[0] as number;
    if (first === 0) break;
    const attributes = raw[11] as number;
    if (first === 0xe5) parts = [];
    else if ((attributes & 0x3f) === attribute.longName) parts = joinPart(parts, parseLongNamePart(raw));
    else {
      const longName = joinLongName(parts, shortNameChecksum(raw));
      parts = [];
      if (attributes & attribute.volumeLabel) continue;
      const entry = parseEntry(raw, position, kind, longName);
      if (entry.name !== '.' && entry.name !== '..') entries.push(entry);
    }
  }
  refuseDuplicates(entries);
  return entries;
}

function parseEntry(
  raw: Uint8Array,
  position: number,
  kind: 12 | 16 | 32,
  longName: string | undefined,
): DirectoryEntry {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const shortName = parseShortName(raw, 0);
  const name = longName ?? parseShortName(raw, raw[12] as number);
  const dots = raw[0] === 0x2e && (shortName === '.' || shortName === '..');
  if (!dots && !isFileName(name))
    throw new Fault('fat.name', `Cannot read a directory entry: ${JSON.stringify(name)} cannot be a file's name`);
  const attributes = raw[11] as number;
  const directory = (attributes & attribute.directory) !== 0;
  return {
    name: dots ? shortName : name,
    shortName,
    position,
    directory,
    readOnly: (attributes & attribute.readOnly) !== 0,
    firstCluster: view.getUint16(26, true) | (kind === 32 ? (view.getUint16(20, true) & 0x0fff) << 16 : 0),
    sizeBytes: directory ? 0 : view.getUint32(28, true),
    modifiedAt: parseTime(view.getUint16(24, true), view.getUint16(22, true)),
  };
}

function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[\0/]/.test(name);
}

/** The upper half of code page 437, in which Linux and mtools read short names. */
const codePage437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/** @param caseFlags Windows NT's: 0x08 the base is in lower case, 0x10 the extension is */
function parseShortName(raw: Uint8Array, caseFlags: number): string {
  const base = decodeShort(raw.subarray(0, 8), true);
  const extension = decodeShort(raw.subarray(8, 11), false);
  const casedBase = caseFlags & 0x08 ? base.toLowerCase() : base;
  const casedExtension = caseFlags & 0x10 ? extension.toLowerCase() : extension;
  return casedExtension === '' ? casedBase : `${casedBase}.${casedExtension}`;
}

function decodeShort(field: Uint8Array, first: boolean): string {
  let text = '';
  for (const [index, byte] of field.entries()) {
    // 0x05 stands for 0xe5 at the start, where 0xe5 would mean a deleted entry.
    const code = first && index === 0 && byte === 0x05 ? 0xe5 : byte;
    text += code < 0x80 ? String.fromCharCode(code) : codePage437.charAt(code - 0x80);
  }
  return text.trimEnd();
}

type LongNamePart = {
  readonly order: number;
  readonly last: boolean;
  readonly checksum: number;
  readonly units: Uint8Array;
};

function parseLongNamePart(raw: Uint8Array): LongNamePart {
  const order = raw[0] as number;
  return {
    order: order & 0x3f,
    last: (order & 0x40) !== 0,
    checksum: raw[13] as number,
    units: Buffer.concat([raw.subarray(1, 11), raw.subarray(14, 26), raw.subarray(28, 32)]),
  };
}

/** Parts stand last first: n with the mark of the last, n - 1 … 1. Anything else starts anew or is dropped. */
function joinPart(parts: LongNamePart[], part: LongNamePart): LongNamePart[] {
  if (part.last) return part.order >= 1 && part.order <= 20 ? [part] : [];
  const before = parts.at(-1);
  const follows = before !== undefined && before.order === part.order + 1 && before.checksum === part.checksum;
  return follows && part.order >= 1 ? [...parts, part] : [];
}

function joinLongName(parts: readonly LongNamePart[], checksum: number): string | undefined {
  if (parts.at(-1)?.order !== 1 || parts[0]?.checksum !== checksum) return undefined;
  const units = Buffer.concat(parts.toReversed().map((part) => part.units)).toString('utf16le');
  const end = units.indexOf('\0');
  return end < 0 ? units : units.slice(0, end);
}

function shortNameChecksum(raw: Uint8Array): number {
  let sum = 0;
  for (const byte of raw.subarray(0, 11)) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

/** Date and time of DOS, taken as UTC: the volume does not tell its zone. */
function parseTime(date: number, time: number): number {
  const milliseconds = Date.UTC(
    1980 + (date >> 9),
    ((date >> 5) & 0x0f) - 1,
    date & 0x1f,
    time >> 11,
    (time >> 5) & 0x3f,
    (time & 0x1f) * 2,
  );
  return milliseconds / 1000;
}

function refuseDuplicates(entries: readonly DirectoryEntry[]): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    const keys = new Set([entry.name.toUpperCase(), entry.shortName.toUpperCase()]);
    for (const key of keys) {
      if (seen.has(key))
        throw new Fault('fat.duplicate-name', `Cannot read a directory: two entries answer to ${JSON.stringify(key)}`);
      seen.add(key);
    }
  }
}
