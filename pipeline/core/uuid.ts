/** 16 bytes as a UUID is written (RFC 9562 §4): `7130c94a-213a-4e5a-8e26-6cce9662f132`. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The bytes of a UUID that is written so. */
export function encodeUuid(text: string): Uint8Array {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** 16 bytes of one's own as a UUID that says so (RFC 9562 §5.8, version 8). */
export function customUuid(bytes: Uint8Array): string {
  const own = Uint8Array.from(bytes.subarray(0, 16));
  own[6] = ((own[6] ?? 0) & 0x0f) | 0x80;
  own[8] = ((own[8] ?? 0) & 0x3f) | 0x80;
  return formatUuid(own);
}
