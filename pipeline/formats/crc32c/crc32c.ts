const [t0, t1, t2, t3, t4, t5, t6, t7] = buildTables();

/**
 * CRC-32C (Castagnoli, RFC 3720 §12.1 and appendix B.4): the checksum of btrfs, ext4 and erofs metadata. Not
 * cryptographic. Eight bytes a step ("slicing by 8"), about 1 GB/s.
 *
 * File systems often want the bare register, without the inversion at both ends: a register R that starts at S is
 * `~crc32c(bytes, ~S)`.
 *
 * @param previous the checksum of the bytes before these, to continue it
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  // Words are read through a view of 32-bit numbers, which must start at a multiple of four.
  const head = Math.min(-bytes.byteOffset & 3, bytes.length);
  const body = (bytes.length - head) & ~7;
  let register = ~previous;
  for (let at = 0; at < head; at++) register = step(register, bytes[at] as number);
  if (body > 0) register = eightBytesAStep(register, new Int32Array(bytes.buffer, bytes.byteOffset + head, body / 4));
  for (let at = head + body; at < bytes.length; at++) register = step(register, bytes[at] as number);
  return ~register >>> 0;
}

function eightBytesAStep(start: number, words: Int32Array): number {
  let register = start;
  for (let i = 0; i < words.length; i += 2) {
    const low = (words[i] as number) ^ register;
    const high = words[i + 1] as number;
    register =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 255] as number) ^
      (t2[(high >>> 8) & 255] as number) ^
      (t1[(high >>> 16) & 255] as number) ^
      (t0[high >>> 24] as number);
  }
  return register;
}

/**
 * The checksums of consecutive blocks of equal size, which must be a multiple of eight bytes. Two blocks are computed at
 * a time, as one alone leaves the processor waiting for its own last step: about 1.7 GB/s.
 */
export function crc32cOfBlocks(blocks: Uint8Array, blockBytes: number): Uint32Array {
  const checksums = new Uint32Array(blocks.length / blockBytes);
  const paired = checksums.length & ~1;
  if (paired > 0) {
    const aligned = (blocks.byteOffset & 3) === 0 ? blocks : new Uint8Array(blocks);
    const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
    const blockWords = blockBytes / 4;
    for (let block = 0; block < paired; block += 2) {
      pairOfBlocks(words, block * blockWords, (block + 1) * blockWords, blockWords);
      checksums[block] = pair.first;
      checksums[block + 1] = pair.second;
    }
  }
  if (paired < checksums.length) checksums[paired] = crc32c(blocks.subarray(paired * blockBytes));
  return checksums;
}

/** Where pairOfBlocks leaves its results: an object for each call would cost more than the call. */
const pair = { first: 0, second: 0 };

function pairOfBlocks(words: Int32Array, firstAt: number, secondAt: number, count: number): void {
  let first = -1;
  let second = -1;
  for (let i = 0; i < count; i += 2) {
    const low = (words[firstAt + i] as number) ^ first;
    const high = words[firstAt + i + 1] as number;
    const otherLow = (words[secondAt + i] as number) ^ second;
    const otherHigh = words[secondAt + i + 1] as number;
    first =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 255] as number) ^
      (t2[(high >>> 8) & 255] as number) ^
      (t1[(high >>> 16) & 255] as number) ^
      (t0[high >>> 24] as number);
    second =
      (t7[otherLow & 255] as number) ^
      (t6[(otherLow >>> 8) & 255] as number) ^
      (t5[(otherLow >>> 16) & 255] as number) ^
      (t4[otherLow >>> 24] as number) ^
      (t3[otherHigh & 255] as number) ^
      (t2[(otherHigh >>> 8) & 255] as number) ^
      (t1[(otherHigh >>> 16) & 255] as number) ^
      (t0[otherHigh >>> 24] as number);
  }
  pair.first = ~first >>> 0;
  pair.second = ~second >>> 0;
}

function step(register: number, byte: number): number {
  return (register >>> 8) ^ (t0[(register ^ byte) & 255] as number);
}

type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

/** Table k holds the register after one byte and k zero bytes. The polynomial is 0x1edc6f41, bits reversed. */
function buildTables(): Tables {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0x82f63b78 : register >>> 1;
    return register;
  });
  const following = (table: Int32Array) => table.map((value) => (value >>> 8) ^ (first[value & 255] as number));
  const second = following(first);
  const third = following(second);
  const fourth = following(third);
  const fifth = following(fourth);
  const sixth = following(fifth);
  const seventh = following(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, following(seventh)];
}
