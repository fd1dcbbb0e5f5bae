import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../pipeline/core/index.ts';
import { readPe } from '../../../pipeline/formats/pe/index.ts';
import { buildX86Kernel } from '../linux-kernel/kernel-image.ts';

const read = (bytes: Uint8Array) => readPe(memorySource(bytes));
const image = () => buildX86Kernel('6.1', { certificate: new Uint8Array(21) });
const directory = 0x90 + 24 + 112 + 4 * 8;
const changed = (change: (image: Buffer) => void) => {
  const copy = image();
  change(copy);
  return copy;
};

describe('a PE image', () => {
  test('tells its machine, sections and certificates', () => {
    expect(read(image())).toEqual({
      machine: 0x8664,
      sections: [{ name: '.text', offset: 1024, sizeBytes: 1024 }],
      certificates: [{ revision: 0x200, type: 2, offset: 4104, sizeBytes: 21 }],
    });
  });

  test('with few data directories has no certificates', () => {
    expect(read(changed((i) => i.writeUInt32LE(4, 0x90 + 24 + 108))).certificates).toEqual([]);
  });

  test.for<[string, Uint8Array, string]>([
    ['without MZ', changed((i) => i.fill(0, 0, 2)), 'pe.signature'],
    ['without PE', changed((i) => i.fill(0, 0x90, 0x94)), 'pe.signature'],
    ['of the ROM kind', changed((i) => i.writeUInt16LE(0x107, 0x90 + 24)), 'pe.magic'],
    ['with a cut optional header', changed((i) => i.writeUInt16LE(20, 0x90 + 20)), 'bytes.range'],
    ['with 65535 sections', changed((i) => i.writeUInt16LE(65535, 0x90 + 6)), 'limit.pe-sections'],
    ['with a table of certificates behind its end', changed((i) => i.writeUInt32LE(9999, directory)), 'source.range'],
    ['with a certificate of no bytes', changed((i) => i.writeUInt32LE(0, 4096)), 'pe.certificate-table'],
    ['with a certificate larger than the table', changed((i) => i.writeUInt32LE(99, 4096)), 'pe.certificate-table'],
    [
      'with a certificate that ends behind the file',
      changed((i) => {
        i.writeUInt32LE(99, directory + 4);
        i.writeUInt32LE(99, 4096);
      }),
      'pe.certificate-table',
    ],
    [
      'with seventeen certificates',
      changed((i) => {
        i.writeUInt32LE(4096, directory + 4);
        i.writeUInt32LE(0, directory);
        for (let at = 0; at < 17 * 8; at += 8) i.writeUInt32LE(8, 2048 + at);
        i.writeUInt32LE(2048, directory);
      }),
      'limit.pe-certificates',
    ],
  ])('%s is refused', ([, bytes, code]) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code }));
  });
});
