import { Fault } from '../../core/index.ts';

/** Runs up to this length are copied byte by byte: calling a built-in costs more than they do. */
const shortRunBytes = 16;

/** The shortest match; a token stores what a match has more (LZ4 block format, "Match copy operation"). */
const minimumMatchBytes = 4;

/**
 * Decodes one block of the LZ4 block format (lz4/doc/lz4_Block_format.md), without frame, checksum or dictionary.
 *
 * Writes at most `outputSizeBytes` bytes, and the result has exactly the bytes that the block holds, which may be fewer.
 * With `partial`, decoding ends as soon as `outputSizeBytes` bytes are written, whatever follows in the input: formats
 * that share blocks read only the beginning of one. The caller checks `outputSizeBytes` against its own limit.
 *
 * Faults: lz4.input (the input ends inside a sequence), lz4.output (more output than `outputSizeBytes`), lz4.offset (a
 * match that starts before the output).
 */
export function decodeLz4Block(
  input: Uint8Array,
  outputSizeBytes: number,
  { partial = false }: { readonly partial?: boolean } = {},
): Uint8Array {
  const output = new Uint8Array(outputSizeBytes);
  const inputEnd = input.length;
  let from = 0;
  let to = 0;

  for (;;) {
    if (partial && to === outputSizeBytes) return output;
    if (from >= inputEnd) throw malformed('lz4.input', 'the input ends where a token is wanted', from);
    const token = input[from++] as number;

    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) {
        if (from >= inputEnd) throw malformed('lz4.input', 'the input ends inside a literal length', from);
        more = input[from++] as number;
      }
    }
    if (literals > outputSizeBytes - to) {
      if (!partial) throw malformed('lz4.output', `${to + literals} bytes, want at most ${outputSizeBytes}`, from);
      literals = outputSizeBytes - to;
    }
    if (literals > inputEnd - from) throw malformed('lz4.input', 'the input ends inside literals', from);
    if (literals <= shortRunBytes) {
      for (const end = to + literals; to < end;) output[to++] = input[from++] as number;
    } else {
      output.set(input.subarray(from, from + literals), to);
      from += literals;
      to += literals;
    }
    // "End of block conditions": the last sequence has literals only, and ends with the input.
    if (from === inputEnd || (partial && to === outputSizeBytes)) return output.subarray(0, to);

    if (inputEnd - from < 2) throw malformed('lz4.input', 'the input ends inside an offset', from);
    const offset = (input[from] as number) | ((input[from + 1] as number) << 8);
    from += 2;
    if (offset === 0 || offset > to) throw malformed('lz4.offset', `match ${offset} bytes back at byte ${to}`, from);

    let match = token & 15;
    if (match === 15) {
      for (let more = 255; more === 255; match += more) {
        if (from >= inputEnd) throw malformed('lz4.input', 'the input ends inside a match length', from);
        more = input[from++] as number;
      }
    }
    match += minimumMatchBytes;
    if (match > outputSizeBytes - to) {
      if (!partial) throw malformed('lz4.output', `${to + match} bytes, want at most ${outputSizeBytes}`, from);
      match = outputSizeBytes - to;
    }
    if (match <= shortRunBytes) {
      for (const end = to + match; to < end; to++) output[to] = output[to - offset] as number;
    } else {
      repeat(output, to, offset, match);
      to += match;
    }
  }
}

/** Copies a match that may overlap what it writes: then the last `offset` bytes repeat, so each copy doubles what can be copied. */
function repeat(output: Uint8Array, to: number, offset: number, length: number): void {
  const start = to - offset;
  if (offset >= length) {
    output.copyWithin(to, start, start + length);
    return;
  }
  if (offset === 1) {
    output.fill(output[start] as number, to, to + length);
    return;
  }
  for (let copied = 0; copied < length;) {
    const count = Math.min(offset + copied, length - copied);
    output.copyWithin(to + copied, start, start + count);
    copied += count;
  }
}

function malformed(code: `lz4.${string}`, problem: string, at: number): Fault {
  return new Fault(code, `Cannot decode an LZ4 block: ${problem}`, { where: `LZ4 block at byte ${at}` });
}
