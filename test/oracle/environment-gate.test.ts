import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { gateEnvironment } from '../../pipeline/standalone/environment-gate/gate.ts';
import { buildElfImage } from '../support/elf-image.ts';
import { findTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-gate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sources = join(import.meta.dirname, '../../pipeline/standalone/environment-gate');

/** A program whose last segment is that of notes, as linkers put it. */
function elfWithNotes(): Buffer {
  const elf = buildElfImage({
    segments: [
      { address: 0x20_0000n, content: Buffer.alloc(64), executable: true },
      { address: 0x30_0000n, content: Buffer.alloc(16) },
    ],
  });
  elf.writeUInt32LE(4, 64 + 56);
  return elf;
}

describe('The code that gates the environment', () => {
  test.for([
    ['x64', 'as', 'objcopy'],
    ['arm64', 'aarch64-linux-gnu-as', 'aarch64-linux-gnu-objcopy'],
  ] as const)('is what the assembler makes of %s.s', ([architecture, assembler, extractor], context) => {
    const [as, objcopy] = [findTool(assembler), findTool(extractor)];
    if (architecture === 'x64' && process.arch !== 'x64') {
      context.skip('the assembler is not for x86-64');
      return;
    }
    if (as === undefined || objcopy === undefined) {
      context.skip(`no ${assembler}`);
      return;
    }
    const object = join(folder, `${architecture}.o`);
    const binary = join(folder, `${architecture}.bin`);
    execFileSync(as, [join(sources, `${architecture}.s`), '-o', object]);
    execFileSync(objcopy, ['-O', 'binary', '-j', '.text', object, binary]);
    const assembled = readFileSync(binary);
    const elf = elfWithNotes();
    const entry = elf.readBigUInt64LE(24);
    const gated = Buffer.from(gateEnvironment(elf, architecture));
    const segment = gated.subarray(Math.ceil(elf.byteLength / 65_536) * 65_536);
    expect(segment.subarray(0, assembled.byteLength - 8)).toEqual(assembled.subarray(0, -8));
    expect(segment.readBigUInt64LE(assembled.byteLength - 8)).toBe(entry);
    expect(segment.subarray(assembled.byteLength).toString('latin1')).toMatch(/^ACTIONS_\0.*SOURCE_DATE_EPOCH=\0\0$/s);
  });
});
