import { ByteReader, Fault } from '../../core/index.ts';
import { LzmaDecoder } from './lzma.ts';

/**
 * Decodes LZMA2 data, which must give exactly `output.byteLength` bytes and use the input to its end (xz's
 * documentation of LZMA2 in liblzma, lzma2_decoder.c). The output is the dictionary: its size bounds every match.
 * Faults: xz.lzma2, bytes.short.
 */
export function decodeLzma2(input: Uint8Array, output: Uint8Array): void {
  const reader = new ByteReader(input, 'LZMA2 data');
  const lzma = new LzmaDecoder();
  let at = 0;
  let dictionaryStart = 0;
  let wantsDictionary = true;
  let wantsProperties = true;
  for (;;) {
    const control = reader.u8('control');
    if (control === 0) break;
    // 1 is a raw chunk with a new dictionary, 0xe0 and more a compressed one.
    if (control === 1 || control >= 0xe0) {
      dictionaryStart = at;
      wantsDictionary = false;
      wantsProperties = true;
    } else if (wantsDictionary) {
      throw reader.fault('xz.lzma2', 'control', `0x${control.toString(16)} before the dictionary is reset`);
    }
    if (control < 0x80) {
      if (control > 2) throw reader.fault('xz.lzma2', 'control', `0x${control.toString(16)} is reserved`);
      const sizeBytes = checkFits(reader, reader.u16be('chunk_size') + 1, output.byteLength - at);
      output.set(reader.bytes(sizeBytes, 'chunk'), at);
      at += sizeBytes;
      continue;
    }
    const unpackedBytes = ((control & 0x1f) << 16) + reader.u16be('unpacked_size') + 1;
    const packedBytes = reader.u16be('packed_size') + 1;
    checkFits(reader, unpackedBytes, output.byteLength - at);
    if (control >= 0xc0) {
      lzma.setProperties(reader.u8('properties'));
      wantsProperties = false;
    } else if (wantsProperties) {
      throw reader.fault('xz.lzma2', 'control', `0x${control.toString(16)} before properties are set`);
    }
    if (control >= 0xa0) lzma.resetState();
    const chunk = reader.bytes(packedBytes, 'chunk');
    if (packedBytes < 5 || chunk[0] !== 0)
      throw reader.fault('xz.lzma2', 'chunk', `a range coder's start of ${packedBytes} bytes, want 5 and a zero first`);
    lzma.decode(chunk, output, dictionaryStart, at, at + unpackedBytes);
    at += unpackedBytes;
  }
  reader.end();
  if (at !== output.byteLength)
    throw new Fault('xz.lzma2', `Cannot decode LZMA2: ${at} bytes, want ${output.byteLength}`);
}

function checkFits(reader: ByteReader, sizeBytes: number, leftBytes: number): number {
  if (sizeBytes > leftBytes)
    throw reader.fault('xz.lzma2', 'unpacked_size', `${sizeBytes} bytes, the block has ${leftBytes} left`);
  return sizeBytes;
}
