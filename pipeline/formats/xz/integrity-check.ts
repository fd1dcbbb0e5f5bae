import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Fault } from '../../core/index.ts';
import { crc64 } from './crc64.ts';

/** A check on a block's uncompressed bytes (.xz file format, §2.1.1.2 and §3.4). */
export type CheckType = {
  readonly name: string;
  readonly sizeBytes: number;
  /** The check as it is stored; empty for none. */
  compute(content: Uint8Array): Uint8Array;
};

const checkTypes: ReadonlyMap<number, CheckType> = new Map<number, CheckType>([
  [0x00, { name: 'None', sizeBytes: 0, compute: () => new Uint8Array() }],
  [0x01, { name: 'CRC-32', sizeBytes: 4, compute: (content) => littleEndian(4, BigInt(crc32(content))) }],
  [0x04, { name: 'CRC-64', sizeBytes: 8, compute: (content) => littleEndian(8, crc64(content)) }],
  [0x0a, { name: 'SHA-256', sizeBytes: 32, compute: (content) => hash('sha256', content, 'buffer') }],
]);

/** The check of a stream by its flags. Fault: xz.unsupported. */
export function checkTypeOf(streamFlags: number): CheckType {
  const type = checkTypes.get(streamFlags);
  if (type === undefined)
    throw new Fault(
      'xz.unsupported',
      `Cannot decode .xz: stream flags 0x${streamFlags.toString(16)}, want check 0 (None), 1 (CRC-32), 4 (CRC-64) or 10 (SHA-256)`,
    );
  return type;
}

/** Fault: xz.check. */
export function verifyCheck(type: CheckType, content: Uint8Array, stored: Uint8Array, blockStart: number): void {
  if (Buffer.compare(type.compute(content), stored) !== 0)
    throw new Fault('xz.check', `Cannot decode .xz: the ${type.name} of a block does not match its content`, {
      where: `.xz block at byte ${blockStart}`,
    });
}

function littleEndian(sizeBytes: number, value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes.subarray(0, sizeBytes);
}
