/** CRC-64 of ECMA-182, reflected. */
const polynomial = 0xc96c5795d7870f42n;

/** The table for one byte, in halves: numbers of 64 bits would be slow. */
const low = new Uint32Array(256);
const high = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ polynomial : value >> 1n;
  low[byte] = Number(value & 0xffff_ffffn);
  high[byte] = Number(value >> 32n);
}

/** The CRC-64 of the .xz file format (§6). */
export function crc64(bytes: Uint8Array): bigint {
  let lower = -1;
  let upper = -1;
  for (let at = 0; at < bytes.length; at++) {
    const index = (lower ^ (bytes[at] as number)) & 0xff;
    lower = ((lower >>> 8) | (upper << 24)) ^ (low[index] as number);
    upper = (upper >>> 8) ^ (high[index] as number);
  }
  return (BigInt(~upper >>> 0) << 32n) | BigInt(~lower >>> 0);
}
