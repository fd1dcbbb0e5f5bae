import { decodeUtf8, Fault, limits, type Source } from '../../core/index.ts';
import { type ElfFile, type ElfSegment, sectionNamed } from '../elf/index.ts';
import { type GoBuildInfo, parseModuleList } from './module-list.ts';

/** Go, debug/buildinfo/buildinfo.go: the blob starts with this, 16-byte aligned in memory. */
const magic = Buffer.from('\xff Go buildinf:', 'latin1');
const alignment = 16;
const blobHeaderBytes = 32;
const searchStepBytes = 1024 * 1024;
/** How far the blob may stand from the start of a data segment where no section names it. */
const segmentSearchBytes = 64 * 1024;

/** Flags in byte 15 of the blob. */
const bigEndianFlag = 1;
const inlineFlag = 2;

/** Sentinels of 16 bytes stand before and behind the module list (Go, cmd/go/internal/modload/build.go). */
const sentinelBytes = 16;

/**
 * Reads the build information that the Go linker left in a program, in both formats: strings inline (Go 1.18 and later)
 * and pointers to strings (before). undefined for a program that holds none: not Go, or stripped of it (see isGoProgram).
 * Faults: go-buildinfo.*, limit.go-*, bytes.utf8, source.range.
 */
export function readGoBuildInfo(source: Source, elf: ElfFile): GoBuildInfo | undefined {
  const memory = new LoadedMemory(source, elf.segments);
  const blobAt = findBlob(elf, memory);
  if (blobAt === undefined) return undefined;
  const header = memory.upTo(blobAt, blobHeaderBytes);
  if (header.byteLength < blobHeaderBytes) return undefined;
  const inline = ((header[15] as number) & inlineFlag) !== 0;
  const strings = inline ? inlineStrings(memory, blobAt) : pointedStrings(memory, header);
  if (strings === undefined || strings.version.byteLength === 0) return undefined;
  return Object.freeze({
    goVersion: decodeUtf8(strings.version, 'Go version'),
    ...parseModuleList(decodeUtf8(withoutSentinels(strings.modules), 'Go module list')),
  });
}

/** Whether the Go toolchain linked it, also where the build information is missing: its own sections stay. */
export function isGoProgram(elf: ElfFile): boolean {
  return ['.go.buildinfo', '.gopclntab', '.note.go.buildid', '.go.module'].some(
    (name) => sectionNamed(elf, name) !== undefined,
  );
}

/** The address of the blob: in the section made for it, else near the start of the first writable data segment. */
function findBlob(elf: ElfFile, memory: LoadedMemory): bigint | undefined {
  const section = sectionNamed(elf, '.go.buildinfo');
  if (section !== undefined) return searchMagic(memory, section.address, section.sizeBytes);
  const data = elf.segments.find((segment) => segment.loaded && segment.writable && !segment.executable);
  return data === undefined
    ? undefined
    : searchMagic(memory, data.address, Math.min(data.fileBytes, segmentSearchBytes));
}

function searchMagic(memory: LoadedMemory, start: bigint, length: number): bigint | undefined {
  if (length > limits.goBuildInfoBytes)
    throw new Fault(
      'limit.go-buildinfo',
      `Cannot search Go build information: ${length} bytes, want at most ${limits.goBuildInfoBytes}`,
    );
  const padding = BigInt.asUintN(4, -start);
  const end = start + BigInt(length);
  // An aligned blob header never crosses a step, as steps are aligned too.
  for (let at = start + padding; at < end; at += BigInt(searchStepBytes)) {
    const wanted = Math.min(searchStepBytes, Number(end - at));
    const bytes = memory.upTo(at, wanted);
    for (let found = bytes.indexOf(magic); found >= 0; found = bytes.indexOf(magic, found + 1)) {
      if (found % alignment === 0) return at + BigInt(found);
    }
    if (bytes.byteLength < wanted) return undefined;
  }
  return undefined;
}

type Strings = { readonly version: Uint8Array; readonly modules: Uint8Array };

/** Since Go 1.18: two strings behind the header, each with its length as a varint in front. */
function inlineStrings(memory: LoadedMemory, blobAt: bigint): Strings | undefined {
  const version = readVarintString(memory, blobAt + BigInt(blobHeaderBytes), limits.goVersionBytes);
  if (version === undefined) return undefined;
  const modules = readVarintString(memory, version.end, limits.goModuleListBytes);
  return modules === undefined ? undefined : { version: version.bytes, modules: modules.bytes };
}

function readVarintString(
  memory: LoadedMemory,
  at: bigint,
  mostBytes: number,
): { readonly bytes: Uint8Array; readonly end: bigint } | undefined {
  const prefix = memory.upTo(at, 10);
  let length = 0;
  for (let index = 0; index < prefix.byteLength; index++) {
    const byte = prefix[index] as number;
    // A length of more than 35 bits is above every cap: arithmetic, as shifts end at 31 bits.
    length += (byte & 0x7f) * 2 ** (7 * Math.min(index, 5));
    if (byte >= 0x80) continue;
    const start = at + BigInt(index + 1);
    const bytes = readExactly(memory, start, length, mostBytes);
    return bytes === undefined ? undefined : { bytes, end: start + BigInt(length) };
  }
  return undefined;
}

/** Before Go 1.18: two pointers in the header to string headers, each a pointer and a length. */
function pointedStrings(memory: LoadedMemory, header: Buffer): Strings | undefined {
  const pointerBytes = header[14] as number;
  if (pointerBytes !== 4 && pointerBytes !== 8) return undefined;
  if (((header[15] as number) & bigEndianFlag) !== 0)
    throw new Fault(
      'go-buildinfo.byte-order',
      'Cannot read Go build information: big-endian pointers are not supported',
    );
  const pointerIn = (bytes: Buffer, index: number): bigint =>
    pointerBytes === 4 ? BigInt(bytes.readUInt32LE(index * 4)) : bytes.readBigUInt64LE(index * 8);
  const pointed = (pointer: bigint, mostBytes: number): Uint8Array => {
    const stringHeader = memory.upTo(pointer, 2 * pointerBytes);
    if (stringHeader.byteLength < 2 * pointerBytes) return new Uint8Array();
    const length = pointerIn(stringHeader, 1);
    return readExactly(memory, pointerIn(stringHeader, 0), Number(length), mostBytes) ?? new Uint8Array();
  };
  const blobPointer = (index: number) => pointerIn(header.subarray(16), index);
  return {
    version: pointed(blobPointer(0), limits.goVersionBytes),
    modules: pointed(blobPointer(1), limits.goModuleListBytes),
  };
}

/** A string whole, or undefined where its segment ends before it does. */
function readExactly(memory: LoadedMemory, at: bigint, length: number, mostBytes: number): Uint8Array | undefined {
  if (length > mostBytes)
    throw new Fault(
      'limit.go-string',
      `Cannot read Go build information: a string of ${length} bytes, want at most ${mostBytes}`,
    );
  const bytes = memory.upTo(at, length);
  return bytes.byteLength < length ? undefined : bytes;
}

function withoutSentinels(list: Uint8Array): Uint8Array {
  const framed = list.byteLength >= 2 * sentinelBytes + 1 && list.at(-sentinelBytes - 1) === 0x0a;
  return framed ? list.subarray(sentinelBytes, -sentinelBytes) : new Uint8Array();
}

/** The program's memory as it stands before its first instruction, as far as the file has bytes for it. */
class LoadedMemory {
  readonly #source: Source;
  readonly #segments: readonly ElfSegment[];

  constructor(source: Source, segments: readonly ElfSegment[]) {
    this.#source = source;
    this.#segments = segments.filter((segment) => segment.loaded && segment.fileBytes > 0);
  }

  /** At most `length` bytes at an address, fewer where the segment ends; none where nothing is loaded. */
  upTo(address: bigint, length: number): Buffer {
    const segment = this.#segments.find(
      ({ address: start, fileBytes }) => start <= address && address < start + BigInt(fileBytes),
    );
    if (segment === undefined) return Buffer.alloc(0);
    const inSegment = Number(address - segment.address);
    const bytes = this.#source.read(segment.offset + inSegment, Math.min(length, segment.fileBytes - inSegment));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
