/** bzip2's checksum: the polynomial of CRC-32, but the most significant bit first. */
const polynomial = 0x04c11db7;

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ polynomial : value << 1;
  return value;
});

export function blockCrc(bytes: Uint8Array): number {
  let crc = -1;
  for (let at = 0; at < bytes.length; at++)
    crc = (crc << 8) ^ (table[((crc >>> 24) ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

/** The stream's checksum after one more block. */
export function combineCrc(stream: number, block: number): number {
  return (((stream << 1) | (stream >>> 31)) ^ block) >>> 0;
}
