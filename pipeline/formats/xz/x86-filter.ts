const shortestInstruction = 5;

/** Whether three preceding bytes, as a mask of those that looked like opcodes, allow a branch here (xz, simple/x86.c). */
const allowedMasks: readonly boolean[] = [true, true, true, false, true, false, false, false];
const bytesBefore: readonly number[] = [0, 1, 2, 2, 3, 3, 3, 3];

/**
 * Undoes the x86 branch filter in place: turns the absolute targets of CALL and JMP (E8, E9) into relative ones, as they
 * were before the encoder changed them (.xz file format, §5.3.2). `startOffset` is the position of the first byte.
 */
export function undoX86Filter(bytes: Uint8Array, startOffset: number): void {
  const end = bytes.length - shortestInstruction + 1;
  let mask = 0;
  let previous = -1;
  for (let at = 0; at < end; at++) {
    if (((bytes[at] as number) & 0xfe) !== 0xe8) continue;
    const distance = at - previous;
    if (distance > 3) {
      mask = 0;
    } else {
      mask = (mask << (distance - 1)) & 7;
      if (mask !== 0) {
        const before = bytes[at + 4 - (bytesBefore[mask] as number)] as number;
        if (allowedMasks[mask] !== true || isSignByte(before)) {
          previous = at;
          mask = (mask << 1) | 1;
          continue;
        }
      }
    }
    previous = at;
    if (!isSignByte(bytes[at + 4] as number)) {
      mask = (mask << 1) | 1;
      continue;
    }
    const absolute = readInt32(bytes, at + 1);
    writeInt32(bytes, at + 1, relativeTarget(absolute, (startOffset + at + shortestInstruction) | 0, mask));
    at += 4;
    mask = 0;
  }
}

function relativeTarget(absolute: number, position: number, mask: number): number {
  const target = (absolute - position) | 0;
  const shift = (bytesBefore[mask] as number) * 8;
  if (mask === 0 || !isSignByte((target >>> (24 - shift)) & 0xff)) return extendSign(target);
  // The encoder took another turn where its result would have looked like this one. A second never follows: the byte
  // that was tested is then the complement of the stored one, which the caller has found to be no sign byte.
  const lowBits = (1 << (32 - shift)) - 1;
  return extendSign(((target ^ lowBits) - position) | 0);
}

/** Targets have 25 bits: the highest byte is all zeros or all ones. */
function extendSign(target: number): number {
  return (target << 7) >> 7;
}

function isSignByte(byte: number): boolean {
  return byte === 0 || byte === 0xff;
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}
