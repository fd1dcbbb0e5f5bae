import { crc32 } from 'node:zlib';
import { encodeUuid } from '../../core/index.ts';

/** A partition to be: whole sectors, nothing overlapping, in the order of their numbers. */
export type PlannedPartition = {
  readonly typeGuid: string;
  readonly guid: string;
  /** At most 35 characters of the basic plane. */
  readonly label: string;
  readonly attributes: bigint;
  readonly firstSector: number;
  readonly sectors: number;
};

export const gptSectorBytes = 512;
const entryBytes = 128;
const entries = 128;
const arraySectors = (entries * entryBytes) / gptSectorBytes;
/** Sectors of the backup table at a disk's end: the entries, then the header. */
export const gptBackupSectors = arraySectors + 1;
const firstUsableSector = 2 + arraySectors;

/**
 * The tables of a disk of 512-byte sectors: what stands at its beginning (protective MBR, header, entries) and at its end
 * (entries, header). UEFI specification §5.2.3 and §5.3.
 */
export function encodeGpt(
  diskGuid: string,
  partitions: readonly PlannedPartition[],
  diskSectors: number,
): { readonly head: Uint8Array; readonly tail: Uint8Array } {
  const array = Buffer.concat(partitions.map(encodeEntry), partitions.length * entryBytes);
  const entryArray = Buffer.alloc(entries * entryBytes);
  array.copy(entryArray);
  const lastSector = diskSectors - 1;
  const facts = { diskGuid, entryArray, lastUsableSector: lastSector - gptBackupSectors };
  const primary = encodeHeader({ ...facts, ownSector: 1, otherSector: lastSector, arraySector: 2 });
  const backup = encodeHeader({
    ...facts,
    ownSector: lastSector,
    otherSector: 1,
    arraySector: lastSector - arraySectors,
  });
  return {
    head: Buffer.concat([encodeProtectiveMbr(diskSectors), primary, entryArray]),
    tail: Buffer.concat([entryArray, backup]),
  };
}

/** §5.2.3: one record of type 0xEE over the whole disk. */
function encodeProtectiveMbr(diskSectors: number): Buffer {
  const mbr = Buffer.alloc(gptSectorBytes);
  mbr.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(diskSectors - 1, 0xffff_ffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

/** §5.3.3. */
function encodeEntry({ typeGuid, guid, label, attributes, firstSector, sectors }: PlannedPartition): Buffer {
  const entry = Buffer.alloc(entryBytes);
  entry.set(encodeGuid(typeGuid), 0);
  entry.set(encodeGuid(guid), 16);
  entry.writeBigUInt64LE(BigInt(firstSector), 32);
  entry.writeBigUInt64LE(BigInt(firstSector + sectors - 1), 40);
  entry.writeBigUInt64LE(attributes, 48);
  entry.write(label, 56, 70, 'utf16le');
  return entry;
}

/** §5.3.2. */
function encodeHeader(facts: {
  readonly diskGuid: string;
  readonly entryArray: Uint8Array;
  readonly lastUsableSector: number;
  readonly ownSector: number;
  readonly otherSector: number;
  readonly arraySector: number;
}): Buffer {
  const headerBytes = 92;
  const sector = Buffer.alloc(gptSectorBytes);
  sector.write('EFI PART', 0, 'latin1');
  sector.writeUInt32LE(0x0001_0000, 8);
  sector.writeUInt32LE(headerBytes, 12);
  sector.writeBigUInt64LE(BigInt(facts.ownSector), 24);
  sector.writeBigUInt64LE(BigInt(facts.otherSector), 32);
  sector.writeBigUInt64LE(BigInt(firstUsableSector), 40);
  sector.writeBigUInt64LE(BigInt(facts.lastUsableSector), 48);
  sector.set(encodeGuid(facts.diskGuid), 56);
  sector.writeBigUInt64LE(BigInt(facts.arraySector), 72);
  sector.writeUInt32LE(entries, 80);
  sector.writeUInt32LE(entryBytes, 84);
  sector.writeUInt32LE(crc32(facts.entryArray), 88);
  // Computed while its own field is zero.
  sector.writeUInt32LE(crc32(sector.subarray(0, headerBytes)), 16);
  return sector;
}

/** Appendix A: the first three fields are little endian. */
function encodeGuid(text: string): Uint8Array {
  const bytes = Uint8Array.from(encodeUuid(text));
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
