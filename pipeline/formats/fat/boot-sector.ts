import { ByteReader, Fault, type Source } from '../../core/index.ts';

/** The geometry in a FAT boot sector (BIOS Parameter Block), all of it in bytes of the source. */
export type Volume = {
  readonly kind: 12 | 16 | 32;
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  /** Clusters are numbered 2 to clusterCount + 1. */
  readonly clusterCount: number;
  /** Where the first FAT starts. */
  readonly tableStart: number;
  readonly tableBytes: number;
  /** FAT12 and FAT16 keep the root directory in a region of its own, FAT32 in a chain of clusters. */
  readonly root: { readonly start: number; readonly sizeBytes: number } | { readonly cluster: number };
  /** Where cluster 2 starts. */
  readonly clusterStart: number;
  readonly label: string | null;
  /** The volume serial number, as `blkid` prints it. */
  readonly serial: string | null;
};

/**
 * Reads the boot sector, Microsoft "FAT: General Overview of On-Disk Format" 1.03, "Boot Sector and BPB".
 * Faults: fat.signature, fat.geometry, fat.version, fat.mirroring, source.range.
 */
export function readBootSector(source: Source): Volume {
  const bytes = source.read(0, 512);
  const r = new ByteReader(bytes, 'FAT boot sector');
  const jump = r.u8('BS_jmpBoot');
  if ((jump !== 0xeb && jump !== 0xe9) || bytes[510] !== 0x55 || bytes[511] !== 0xaa)
    throw new Fault('fat.signature', `Cannot open ${source.name} as FAT: no boot sector`, { where: source.name });

  r.seek(11, 'BPB');
  const sectorBytes = oneOf(r, 'BPB_BytsPerSec', r.u16le('BPB_BytsPerSec'), [512, 1024, 2048, 4096]);
  const clusterSectors = oneOf(r, 'BPB_SecPerClus', r.u8('BPB_SecPerClus'), [1, 2, 4, 8, 16, 32, 64, 128]);
  const reservedSectors = atLeast(r, 'BPB_RsvdSecCnt', r.u16le('BPB_RsvdSecCnt'), 1);
  const tableCount = oneOf(r, 'BPB_NumFATs', r.u8('BPB_NumFATs'), [1, 2]);
  const rootEntries = r.u16le('BPB_RootEntCnt');
  const totalSectors16 = r.u16le('BPB_TotSec16');
  const media = r.u8('BPB_Media');
  if (media !== 0xf0 && media < 0xf8) throw r.fault('fat.geometry', 'BPB_Media', `0x${media.toString(16)}`);
  const tableSectors16 = r.u16le('BPB_FATSz16');
  r.skip(8, 'BPB_SecPerTrk');
  const totalSectors32 = r.u32le('BPB_TotSec32');

  // Linux, GRUB and UEFI firmware take the absence of a 16-bit FAT size for FAT32, where Microsoft counts clusters; what
  // boots is what they see.
  const fat32 = tableSectors16 === 0 ? readFat32(r, rootEntries) : undefined;
  const { label, serial } = readExtended(r);

  const tableSectors = atLeast(r, 'BPB_FATSz', fat32?.tableSectors ?? tableSectors16, 1);
  const totalSectors = totalSectors16 === 0 ? totalSectors32 : totalSectors16;
  const sizeBytes = totalSectors * sectorBytes;
  if (sizeBytes > source.sizeBytes)
    throw r.fault('fat.geometry', 'BPB_TotSec', `${sizeBytes} bytes, have ${source.sizeBytes}`);
  const tableStart = reservedSectors * sectorBytes;
  const tableBytes = tableSectors * sectorBytes;
  const rootStart = tableStart + tableCount * tableBytes;
  const rootBytes = rootEntries * 32;
  const clusterStart = rootStart + Math.ceil(rootBytes / sectorBytes) * sectorBytes;
  const clusterBytes = clusterSectors * sectorBytes;
  const clusterCount = atLeast(r, 'BPB_TotSec', Math.floor((sizeBytes - clusterStart) / clusterBytes), 1);
  const kind = fat32 === undefined ? (clusterCount < 4085 ? 12 : 16) : 32;
  if (Math.floor((tableBytes * 8) / kind) < clusterCount + 2)
    throw r.fault('fat.geometry', 'BPB_FATSz', `${tableBytes} bytes, too few for ${clusterCount} clusters`);
  // 0x0ffffff7 and above are no clusters of FAT32, 0xfff7 none of FAT16.
  if ((kind === 32 && clusterCount > 0x0ffffff5) || (kind === 16 && clusterCount > 0xfff5))
    throw r.fault('fat.geometry', 'BPB_TotSec', `${clusterCount} clusters, more than FAT${kind} can number`);
  return {
    kind,
    sizeBytes,
    clusterBytes,
    clusterCount,
    tableStart,
    tableBytes,
    root: fat32 === undefined ? { start: rootStart, sizeBytes: rootBytes } : { cluster: fat32.rootCluster },
    clusterStart,
    label,
    serial,
  };
}

function readFat32(r: ByteReader, rootEntries: number): { tableSectors: number; rootCluster: number } {
  if (rootEntries !== 0) throw r.fault('fat.geometry', 'BPB_RootEntCnt', `${rootEntries}, want 0 on FAT32`);
  const tableSectors = r.u32le('BPB_FATSz32');
  // Bit 7 makes one of the FATs the active one. GRUB heeds that and Linux does not: two systems would see two volumes.
  const flags = r.u16le('BPB_ExtFlags');
  if (flags !== 0) throw r.fault('fat.mirroring', 'BPB_ExtFlags', `0x${flags.toString(16)}, want mirrored FATs`);
  const version = r.u16le('BPB_FSVer');
  if (version !== 0) throw r.fault('fat.version', 'BPB_FSVer', `0x${version.toString(16)}, want 0`);
  const rootCluster = r.u32le('BPB_RootClus');
  r.skip(16, 'BPB_FSInfo');
  return { tableSectors, rootCluster };
}

/** Serial number and label exist where the extended boot signature says so. */
function readExtended(r: ByteReader): { label: string | null; serial: string | null } {
  r.skip(2, 'BS_DrvNum');
  if (r.u8('BS_BootSig') !== 0x29) return { label: null, serial: null };
  const serial = r.u32le('BS_VolID').toString(16).toUpperCase().padStart(8, '0');
  const label = Buffer.from(r.bytes(11, 'BS_VolLab')).toString('latin1').trimEnd();
  return {
    serial: `${serial.slice(0, 4)}-${serial.slice(4)}`,
    label: label === '' || label === 'NO NAME' || !/^[\x20-\x7e]+$/.test(label) ? null : label,
  };
}

function oneOf(r: ByteReader, field: string, value: number, allowed: readonly number[]): number {
  if (allowed.includes(value)) return value;
  throw r.fault('fat.geometry', field, `${value}, want ${allowed.join(', ')}`);
}

function atLeast(r: ByteReader, field: string, value: number, least: number): number {
  if (value >= least) return value;
  throw r.fault('fat.geometry', field, `${value}, want at least ${least}`);
}
