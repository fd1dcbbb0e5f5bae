/** The raw Snappy format with literals alone. */
export function encodeSnappy(bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.byteLength; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  if (bytes.byteLength === 0) return Buffer.from(length);
  const tag = Buffer.alloc(5, 63 << 2);
  tag.writeUInt32LE(bytes.byteLength - 1, 1);
  return Buffer.concat([Buffer.from(length), tag, bytes]);
}
