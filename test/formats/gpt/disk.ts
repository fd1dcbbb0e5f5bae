import { readFileSync } from 'node:fs';
import { crc32, zstdDecompressSync } from 'node:zlib';

export function loadDisk(name: 'flatcar' | 'sectors4k'): Buffer {
  return zstdDecompressSync(readFileSync(new URL(`../../fixtures/gpt/${name}.img.zst`, import.meta.url)));
}

/** Where the fields of a header stand in its sector, and those of an entry. */
export const field = {
  revision: 8,
  headerSize: 12,
  myLba: 24,
  alternateLba: 32,
  firstUsable: 40,
  lastUsable: 48,
  diskGuid: 56,
  entryLba: 72,
  entryCount: 80,
  entrySize: 84,
} as const;
export const entryField = { type: 0, guid: 16, start: 32, end: 40, name: 56 } as const;

export const primaryAt = 512;
export const backupAt = (disk: Buffer): number => disk.length - 512;
export const entryAt = (number: number): number => 1024 + (number - 1) * 128;

/** Makes both checksums of a table right again after its bytes were changed: what an attacker would do. */
export function reseal(disk: Buffer, headerAt = primaryAt, sectorBytes = 512): void {
  const header = disk.subarray(headerAt, headerAt + sectorBytes);
  const entriesAt = Number(header.readBigUint64LE(field.entryLba)) * sectorBytes;
  const entriesBytes = header.readUint32LE(field.entryCount) * header.readUint32LE(field.entrySize);
  header.writeUint32LE(crc32(disk.subarray(entriesAt, entriesAt + entriesBytes)), 88);
  header.writeUint32LE(0, 16);
  header.writeUint32LE(crc32(header.subarray(0, Math.min(header.readUint32LE(field.headerSize), sectorBytes))), 16);
}
