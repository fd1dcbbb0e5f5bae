import { ByteReader, limits, type Source } from '../../core/index.ts';

/** The headers of a Portable Executable, as UEFI programs and Linux kernels with an EFI stub have them. */
export type PeImage = {
  /** IMAGE_FILE_MACHINE: 0x8664 x86-64, 0xaa64 arm64. */
  readonly machine: number;
  readonly sections: readonly Section[];
  /** The attribute certificate table: where Authenticode and Secure Boot signatures are. Empty for an unsigned image. */
  readonly certificates: readonly Certificate[];
};

export type Section = { readonly name: string; readonly offset: number; readonly sizeBytes: number };

/** One WIN_CERTIFICATE. Its signature is not checked here. */
export type Certificate = {
  readonly revision: number;
  /** 0x0002 for Authenticode, a PKCS#7 SignedData. */
  readonly type: number;
  /** Where the certificate's content stands in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
};

const certificateTableIndex = 4;

/**
 * Reads the headers of a PE image: Microsoft "PE Format", from "MS-DOS Stub" to "The Attribute Certificate Table".
 * Faults: pe.signature, pe.magic, pe.certificate-table, limit.pe-sections, limit.pe-certificates, source.range.
 */
export function readPe(source: Source): PeImage {
  const stub = new ByteReader(source.read(0, 64), 'MS-DOS stub');
  if (stub.u16le('e_magic') !== 0x5a4d) throw stub.fault('pe.signature', 'e_magic', 'no MZ');
  stub.seek(0x3c, 'e_lfanew');
  const start = stub.u32le('e_lfanew');

  const header = new ByteReader(source.read(start, 24), 'PE header', start);
  if (header.u32le('Signature') !== 0x4550) throw header.fault('pe.signature', 'Signature', 'no PE');
  const machine = header.u16le('Machine');
  const sectionCount = header.u16le('NumberOfSections');
  if (sectionCount > limits.peSections)
    throw header.fault('limit.pe-sections', 'NumberOfSections', `${sectionCount}, want at most ${limits.peSections}`);
  header.skip(12, 'TimeDateStamp');
  const optionalBytes = header.u16le('SizeOfOptionalHeader');
  header.skip(2, 'Characteristics');

  const optionalStart = start + 24;
  const optional = new ByteReader(source.read(optionalStart, optionalBytes), 'PE optional header', optionalStart);
  const table = parseCertificateTablePlace(optional);
  const sectionsStart = optionalStart + optionalBytes;
  return {
    machine,
    sections: parseSections(source.read(sectionsStart, sectionCount * 40), sectionCount, sectionsStart),
    certificates: table === undefined ? [] : readCertificates(source, table.offset, table.sizeBytes),
  };
}

function parseCertificateTablePlace(r: ByteReader): { offset: number; sizeBytes: number } | undefined {
  const magic = r.u16le('Magic');
  if (magic !== 0x10b && magic !== 0x20b)
    throw r.fault('pe.magic', 'Magic', `0x${magic.toString(16)}, want 0x10b (PE32) or 0x20b (PE32+)`);
  r.seek(magic === 0x10b ? 92 : 108, 'NumberOfRvaAndSizes');
  const directories = r.u32le('NumberOfRvaAndSizes');
  if (directories <= certificateTableIndex) return undefined;
  r.skip(certificateTableIndex * 8, 'DataDirectory');
  // Unlike the other directories this one is given by its place in the file, not in memory.
  const offset = r.u32le('CertificateTable.offset');
  const sizeBytes = r.u32le('CertificateTable.size');
  return sizeBytes === 0 ? undefined : { offset, sizeBytes };
}

function parseSections(bytes: Uint8Array, count: number, place: number): Section[] {
  const r = new ByteReader(bytes, 'PE section table', place);
  return Array.from({ length: count }, () => {
    const name = Buffer.from(r.bytes(8, 'Name')).toString('latin1').replace(/\0.*$/s, '');
    r.skip(8, 'VirtualSize');
    const sizeBytes = r.u32le('SizeOfRawData');
    const offset = r.u32le('PointerToRawData');
    r.skip(16, 'PointerToRelocations');
    return { name, offset, sizeBytes };
  });
}

function readCertificates(source: Source, start: number, sizeBytes: number): Certificate[] {
  source.read(start, 0);
  const certificates: Certificate[] = [];
  let at = start;
  const end = start + sizeBytes;
  while (at < end) {
    const r = new ByteReader(source.read(at, 8), 'PE attribute certificate', at);
    const length = r.u32le('dwLength');
    if (length < 8 || length > end - at)
      throw r.fault('pe.certificate-table', 'dwLength', `${length} bytes, want 8 to ${end - at}`);
    if (at + length > source.sizeBytes)
      throw r.fault('pe.certificate-table', 'dwLength', `${length} bytes, which end behind the file`);
    if (certificates.length >= limits.peCertificates)
      throw r.fault('limit.pe-certificates', 'dwLength', `more than ${limits.peCertificates} certificates`);
    certificates.push({
      revision: r.u16le('wRevision'),
      type: r.u16le('wCertificateType'),
      offset: at + 8,
      sizeBytes: length - 8,
    });
    // Entries start at multiples of eight bytes.
    at += Math.ceil(length / 8) * 8;
  }
  return certificates;
}
