import { ByteReader, Fault, type FaultCode, type Source, sliceSource } from '../../core/index.ts';
import { formatGuid, type GptTable, isHeader, readTable } from './header.ts';

export type Partition = {
  /** The entry's place in the table, from 1: what Linux appends to the disk's name. Empty entries keep their number. */
  readonly number: number;
  readonly typeGuid: string;
  readonly guid: string;
  readonly label: string;
  /** UEFI specification §5.3.3, table 5-8; bits 48 to 63 belong to the type. */
  readonly attributes: bigint;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
};

/** What is wrong with a table that can still be read. */
export type GptProblem = { readonly code: FaultCode; readonly message: string };

export type Gpt = {
  readonly sectorSizeBytes: number;
  readonly diskGuid: string;
  /** In the order of their numbers. */
  readonly partitions: readonly Partition[];
  readonly problems: readonly GptProblem[];
};

const sectorSizes = [512, 4096] as const;
const unusedType = '00000000-0000-0000-0000-000000000000';

/** Whether a GPT header, or the backup of one, announces itself; nothing is checked. */
export function isGpt(source: Source): boolean {
  return sectorSizes.some((size) => isHeader(source, 1, size) || isHeader(source, lastLba(source, size), size));
}

/**
 * Reads the partition table of a disk or disk image and checks it as UEFI §5.3.2 asks: the protective MBR, the header and
 * its entries by their checksums, then the backup. A backup that is broken, missing or different is a problem that the
 * caller is told of; so is a broken primary whose backup is good. Both broken is a Fault.
 *
 * Faults: gpt.missing, gpt.mbr, gpt.header, gpt.checksum, gpt.ambiguous (valid tables for both sector sizes),
 * gpt.partition (outside the usable sectors, or overlapping), limit.gpt-entries, bytes.*, source.range.
 */
export function readGpt(source: Source): Gpt {
  checkProtectiveMbr(source);
  const { sectorBytes, table, problems } = chooseTable(source);
  const partitions = parseEntries(table, sectorBytes, source);
  refuseOverlap(partitions, source);
  return Object.freeze({
    sectorSizeBytes: sectorBytes,
    diskGuid: table.diskGuid,
    partitions: Object.freeze(partitions),
    problems: Object.freeze([...problems, ...findRepeatedGuids(partitions)]),
  });
}

/** The bytes of a partition. */
export function openPartition(source: Source, partition: Partition): Source {
  const label = partition.label === '' ? '' : ` (${partition.label})`;
  const name = `${source.name} partition ${partition.number}${label}`;
  return sliceSource(source, partition.offsetBytes, partition.sizeBytes, name);
}

/** §5.2.3: a record of type 0xEE that starts at sector 1. Linux looks at no GPT without one; a hybrid MBR may have others too. */
function checkProtectiveMbr(source: Source): void {
  const where = { where: `${source.name}, sector 0` };
  if (!isGpt(source)) throw new Fault('gpt.missing', `Cannot read GPT: ${source.name} has no GPT header`, where);
  const r = new ByteReader(source.read(0, 512), `protective MBR of ${source.name}`);
  r.skip(446, 'BootCode');
  let protects = false;
  for (let record = 0; record < 4; record++) {
    r.skip(4, 'BootIndicator and StartingCHS');
    const type = r.u8('OSType');
    r.skip(3, 'EndingCHS');
    const start = r.u32le('StartingLBA');
    r.skip(4, 'SizeInLBA');
    protects ||= type === 0xee && start === 1;
  }
  if (r.u16le('Signature') !== 0xaa55 || !protects)
    throw new Fault('gpt.mbr', 'Cannot read GPT: no protective MBR, want a record of type 0xee from sector 1', where);
  r.end();
}

type Choice = { readonly sectorBytes: number; readonly table: GptTable; readonly problems: readonly GptProblem[] };

/** The primary table where one is valid, in either sector size; else a backup at the end of the disk. */
function chooseTable(source: Source): Choice {
  const broken: Fault[] = [];
  const attempt = (lba: number, size: number): GptTable | undefined => {
    if (!isHeader(source, lba, size)) return undefined;
    try {
      return readTable(source, lba, size);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      broken.push(error);
      return undefined;
    }
  };
  const primaries = sectorSizes.flatMap((sectorBytes) => {
    const table = attempt(1, sectorBytes);
    return table === undefined ? [] : [{ sectorBytes, table }];
  });
  const [primary, other] = primaries;
  if (primary !== undefined) {
    // The disk would have other partitions on a drive with other sectors: there is no telling which were meant.
    if (other !== undefined)
      throw new Fault('gpt.ambiguous', 'Cannot read GPT: valid tables for sectors of both 512 and 4096 bytes', {
        where: source.name,
      });
    return { ...primary, problems: judgeBackup(source, primary.sectorBytes, primary.table) };
  }
  for (const sectorBytes of sectorSizes) {
    const table = attempt(lastLba(source, sectorBytes), sectorBytes);
    if (table === undefined) continue;
    const message = `The primary table is broken, the backup was read: ${broken[0]?.message ?? 'no header in sector 1'}`;
    return { sectorBytes, table, problems: [{ code: 'gpt.primary-broken', message }] };
  }
  throw (
    broken[0] ?? new Fault('gpt.missing', `Cannot read GPT: ${source.name} has no GPT header`, { where: source.name })
  );
}

/** §5.3.2: the backup, in the last sector, holds the same facts as the primary, each at its own place. */
function judgeBackup(source: Source, sectorBytes: number, primary: GptTable): GptProblem[] {
  const end = lastLba(source, sectorBytes);
  const place = primary.alternateLba;
  const problem = (code: FaultCode, message: string): GptProblem => Object.freeze({ code, message });
  if (place > end)
    return [
      problem('gpt.backup-missing', `The backup table is at sector ${place}, the disk ends at ${end}: it is cut short`),
    ];
  const problems: GptProblem[] = [];
  if (place !== end)
    problems.push(problem('gpt.backup-place', `The backup table is at sector ${place}, the disk ends at ${end}`));
  let backup: GptTable;
  try {
    backup = readTable(source, place, sectorBytes);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [...problems, problem('gpt.backup-broken', `The backup table is broken: ${error.message}`)];
  }
  const differing = (
    [
      ['AlternateLBA', backup.alternateLba === primary.headerLba],
      ['FirstUsableLBA', backup.firstUsableLba === primary.firstUsableLba],
      ['LastUsableLBA', backup.lastUsableLba === primary.lastUsableLba],
      ['DiskGUID', backup.diskGuid === primary.diskGuid],
      ['SizeOfPartitionEntry', backup.entryBytes === primary.entryBytes],
      ['partition entries', Buffer.compare(backup.entryArray, primary.entryArray) === 0],
    ] as const
  ).flatMap(([field, agrees]) => (agrees ? [] : [field]));
  if (differing.length > 0)
    problems.push(problem('gpt.backup-differs', `The backup table differs from the primary: ${differing.join(', ')}`));
  return problems;
}

function parseEntries(table: GptTable, sectorBytes: number, source: Source): Partition[] {
  const partitions: Partition[] = [];
  const { entryArray, entryBytes } = table;
  for (let at = 0, number = 1; at + entryBytes <= entryArray.length; at += entryBytes, number++) {
    const r = new ByteReader(entryArray.subarray(at, at + entryBytes), `GPT entry ${number} of ${source.name}`, at);
    const typeGuid = formatGuid(r.bytes(16, 'PartitionTypeGUID'));
    if (typeGuid !== unusedType) partitions.push(parseEntry(r, number, typeGuid, table, sectorBytes));
  }
  return partitions;
}

/** §5.3.3. What an entry of more than 128 bytes holds behind the name is reserved. */
function parseEntry(r: ByteReader, number: number, typeGuid: string, table: GptTable, sectorBytes: number): Partition {
  const guid = formatGuid(r.bytes(16, 'UniquePartitionGUID'));
  const first = r.u64le('StartingLBA');
  const last = r.u64le('EndingLBA');
  if (first > last || first < table.firstUsableLba || last > table.lastUsableLba) {
    const usable = `${table.firstUsableLba} to ${table.lastUsableLba}`;
    throw r.fault('gpt.partition', 'EndingLBA', `sectors ${first} to ${last}, want a range inside ${usable}`);
  }
  const attributes = r.u64leBig('Attributes');
  const name = Buffer.from(r.bytes(72, 'PartitionName')).toString('utf16le');
  const end = name.indexOf('\0');
  return Object.freeze({
    number,
    typeGuid,
    guid,
    label: end < 0 ? name : name.slice(0, end),
    attributes,
    offsetBytes: first * sectorBytes,
    sizeBytes: (last - first + 1) * sectorBytes,
  });
}

function refuseOverlap(partitions: readonly Partition[], source: Source): void {
  const byPlace = [...partitions].sort((a, b) => a.offsetBytes - b.offsetBytes);
  for (const [index, next] of byPlace.entries()) {
    const before = byPlace[index - 1];
    if (before !== undefined && before.offsetBytes + before.sizeBytes > next.offsetBytes) {
      throw new Fault('gpt.partition', `Cannot read GPT: partitions ${before.number} and ${next.number} overlap`, {
        where: source.name,
      });
    }
  }
}

/** Boot loaders choose partitions by these GUIDs; two with the same one leave the choice to chance. */
function findRepeatedGuids(partitions: readonly Partition[]): GptProblem[] {
  const seen = new Map<string, number>();
  return partitions.flatMap(({ guid, number }) => {
    const first = seen.get(guid);
    if (first === undefined) {
      seen.set(guid, number);
      return [];
    }
    const message = `Partitions ${first} and ${number} have the same GUID ${guid}`;
    return [Object.freeze({ code: 'gpt.repeated-guid' as const, message })];
  });
}

function lastLba(source: Source, sectorBytes: number): number {
  return Math.floor(source.sizeBytes / sectorBytes) - 1;
}
