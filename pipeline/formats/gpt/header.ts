import { crc32 } from 'node:zlib';
import { ByteReader, type Fault, formatUuid, limits, type Source } from '../../core/index.ts';

const signature = 'EFI PART';
const leastHeaderBytes = 92;
/** §5.3.2: entries are 128 bytes times a power of two. */
const entryBytesUnit = 128;

/** A GPT header whose own checksum and whose entry array's checksum are right. UEFI specification §5.3.2. */
export type GptTable = {
  readonly headerLba: number;
  readonly alternateLba: number;
  readonly firstUsableLba: number;
  readonly lastUsableLba: number;
  readonly diskGuid: string;
  readonly entryBytes: number;
  readonly entryArray: Uint8Array;
  readonly entryArrayCrc: number;
};

/** Whether the signature of a GPT header stands in a sector. */
export function isHeader(source: Source, lba: number, sectorBytes: number): boolean {
  const at = lba * sectorBytes;
  if (lba < 1 || at + sectorBytes > source.sizeBytes) return false;
  return Buffer.from(source.read(at, signature.length)).toString('latin1') === signature;
}

/**
 * Reads the header in a sector and its array of entries.
 * Faults: gpt.header, gpt.checksum, limit.gpt-entries, bytes.*, source.range.
 */
export function readTable(source: Source, lba: number, sectorBytes: number): GptTable {
  const at = lba * sectorBytes;
  const sector = source.read(at, sectorBytes);
  const r = new ByteReader(sector, `GPT header of ${source.name}`, at);
  const refuse = (field: string, problem: string): Fault => r.fault('gpt.header', field, problem);
  const lastLba = Math.floor(source.sizeBytes / sectorBytes) - 1;

  if (r.asciiPadded(8, 'Signature') !== signature) throw refuse('Signature', `not ${signature}`);
  const revision = r.u32le('Revision');
  if (revision !== 0x0001_0000) throw refuse('Revision', `0x${revision.toString(16)}, want 0x10000`);
  const headerBytes = r.u32le('HeaderSize');
  if (headerBytes < leastHeaderBytes || headerBytes > sectorBytes)
    throw refuse('HeaderSize', `${headerBytes}, want ${leastHeaderBytes} to ${sectorBytes}`);
  const crc = r.u32le('HeaderCRC32');
  if (crc !== headerCrc(sector.subarray(0, headerBytes)))
    throw r.fault('gpt.checksum', 'HeaderCRC32', 'it does not match the header');
  r.skip(4, 'Reserved');
  const headerLba = r.u64le('MyLBA');
  if (headerLba !== lba) throw refuse('MyLBA', `${headerLba}, want ${lba}`);
  const alternateLba = r.u64le('AlternateLBA');
  const firstUsableLba = r.u64le('FirstUsableLBA');
  const lastUsableLba = r.u64le('LastUsableLBA');
  if (firstUsableLba > lastUsableLba || lastUsableLba > lastLba)
    throw refuse('LastUsableLBA', `usable sectors ${firstUsableLba} to ${lastUsableLba}, the disk ends at ${lastLba}`);
  const diskGuid = formatGuid(r.bytes(16, 'DiskGUID'));
  const arrayLba = r.u64le('PartitionEntryLBA');
  const count = r.u32le('NumberOfPartitionEntries');
  if (count > limits.gptEntries)
    throw r.fault('limit.gpt-entries', 'NumberOfPartitionEntries', `${count}, want at most ${limits.gptEntries}`);
  const entryBytes = r.u32le('SizeOfPartitionEntry');
  const units = entryBytes / entryBytesUnit;
  if (!Number.isInteger(units) || (units & (units - 1)) !== 0 || units < 1 || entryBytes > limits.gptEntryBytes)
    throw refuse('SizeOfPartitionEntry', `${entryBytes}, want 128 times a power of two up to ${limits.gptEntryBytes}`);
  const entryArrayCrc = r.u32le('PartitionEntryArrayCRC32');

  if (arrayLba < 2 || arrayLba > lastLba) throw refuse('PartitionEntryLBA', `${arrayLba}, the disk ends at ${lastLba}`);
  const entryArray = source.read(arrayLba * sectorBytes, count * entryBytes);
  if (crc32(entryArray) !== entryArrayCrc)
    throw r.fault('gpt.checksum', 'PartitionEntryArrayCRC32', 'it does not match the entries');
  return {
    headerLba,
    alternateLba,
    firstUsableLba,
    lastUsableLba,
    diskGuid,
    entryBytes,
    entryArray,
    entryArrayCrc,
  };
}

/** The checksum is computed with its own field, at byte 16, set to zero. */
function headerCrc(header: Uint8Array): number {
  return crc32(header.subarray(20), crc32(new Uint8Array(4), crc32(header.subarray(0, 16))));
}

/** A GUID as UEFI writes it: the first three fields are little endian (appendix A). */
export function formatGuid(bytes: Uint8Array): string {
  const fields = Uint8Array.from(bytes);
  fields.subarray(0, 4).reverse();
  fields.subarray(4, 6).reverse();
  fields.subarray(6, 8).reverse();
  return formatUuid(fields);
}
