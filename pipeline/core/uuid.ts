/** 16 bytes as a UUID is written (RFC 9562 §4): `7130c94a-213a-4e5a-8e26-6cce9662f132`. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
