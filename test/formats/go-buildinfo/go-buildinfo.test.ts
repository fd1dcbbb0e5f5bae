import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { readElf } from '../../../pipeline/formats/elf/index.ts';
import { isGoProgram, readGoBuildInfo } from '../../../pipeline/formats/go-buildinfo/index.ts';
import { buildElfImage, buildInlineGoBlob, buildPointedGoBlob } from '../../support/elf-image.ts';
import { printLikeGo } from '../../support/go-version.ts';

const fixture = (file: string) => readFileSync(new URL(`../../fixtures/go-buildinfo/${file}`, import.meta.url));
const modules = 'path\texample.com/x\nmod\texample.com/x\tv1.0.0\th1:AAAA=\nbuild\tGOOS=linux\n';
const address = 0x500000n;

function read(bytes: Uint8Array) {
  const source = memorySource(bytes, 'program');
  return readGoBuildInfo(source, readElf(source));
}

/** A program whose data segment is the given bytes, its blob named by a section where `at` is given. */
function program(
  content: Buffer,
  at?: { readonly offset: number; readonly sizeBytes: number },
  bits: 32 | 64 = 64,
): Buffer {
  return buildElfImage({
    bits,
    segments: [{ address, content, writable: true }],
    ...(at === undefined
      ? {}
      : { sections: [{ name: '.go.buildinfo', address: address + BigInt(at.offset), sizeBytes: at.sizeBytes }] }),
  });
}

function codeOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('readGoBuildInfo', () => {
  it.each(['go-amd64', 'go-arm64', 'go-386', 'go-pie'])('reads of %s what `go version -m` prints', (name) => {
    const build = read(zstdDecompressSync(fixture(`${name}.zst`)));
    expect(printLikeGo(build!)).toBe(fixture(`${name}.txt`).toString());
  });

  it('knows a program of Go that has lost its build information', () => {
    const source = memorySource(zstdDecompressSync(fixture('go-unknown.zst')));
    const elf = readElf(source);
    expect(readGoBuildInfo(source, elf)).toBeUndefined();
    expect(isGoProgram(elf)).toBe(true);
  });

  it('finds nothing in a program that is not of Go', () => {
    const source = memorySource(program(Buffer.alloc(1000)));
    expect(readGoBuildInfo(source, readElf(source))).toBeUndefined();
    expect(isGoProgram(readElf(source))).toBe(false);
    expect(read(buildElfImage({}))).toBeUndefined();
  });

  it('reads strings that stand inline, with no section to name them', () => {
    expect(read(program(buildInlineGoBlob('go1.18', modules)))).toMatchObject({
      goVersion: 'go1.18',
      path: 'example.com/x',
    });
  });

  it.each([
    [8, 64],
    [4, 32],
  ] as const)('reads strings behind pointers of %i bytes, as before Go 1.18', (pointerBytes, bits) => {
    const build = read(program(buildPointedGoBlob(address, pointerBytes, 'go1.17.13', modules), undefined, bits));
    expect(build).toMatchObject({ goVersion: 'go1.17.13', main: { version: 'v1.0.0' } });
  });

  it('takes the first blob that is aligned, not one that stands in a constant', () => {
    const decoy = buildInlineGoBlob('go9.9', 'path\tdecoy\n');
    const content = Buffer.concat([
      Buffer.alloc(8),
      decoy,
      Buffer.alloc(24 - (decoy.byteLength % 16)),
      buildInlineGoBlob('go1.20', modules),
    ]);
    expect(content.lastIndexOf('\xff Go buildinf:', undefined, 'latin1') % 16).toBe(0);
    expect(read(program(content))?.goVersion).toBe('go1.20');
  });

  it('looks where the section says, also far from the segment start', () => {
    const blob = buildInlineGoBlob('go1.20', modules);
    const content = Buffer.concat([Buffer.alloc(256 * 1024), blob]);
    expect(read(program(content))).toBeUndefined();
    expect(read(program(content, { offset: 256 * 1024, sizeBytes: blob.byteLength }))?.goVersion).toBe('go1.20');
  });

  it('reads a program without a module list: of GOPATH times, or with a list that is not framed', () => {
    expect(read(program(buildInlineGoBlob('go1.20', '')))).toMatchObject({ path: null, main: null, dependencies: [] });
  });

  it('finds nothing where the version is empty or a string runs out of its segment', () => {
    expect(read(program(buildInlineGoBlob('', modules)))).toBeUndefined();
    expect(read(program(buildInlineGoBlob('go1.20', modules).subarray(0, 60)))).toBeUndefined();
    const pointed = buildPointedGoBlob(address, 8, 'go1.17', modules);
    pointed.writeBigUInt64LE(0x999999n, 16);
    expect(read(program(pointed))).toBeUndefined();
  });

  it('refuses strings beyond the limits before it reads them', () => {
    const blob = buildPointedGoBlob(address, 8, 'go1.17', modules);
    blob.writeBigUInt64LE(1n << 40n, 32 + 8);
    expect(codeOf(() => read(program(blob)))).toBe('limit.go-string');
    const inline = buildInlineGoBlob('go1.20', modules);
    inline.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 32);
    expect(codeOf(() => read(program(inline)))).toBe('limit.go-string');
    expect(codeOf(() => read(program(Buffer.alloc(64), { offset: 0, sizeBytes: 2 ** 40 })))).toBe('limit.go-buildinfo');
  });

  it('refuses big-endian pointers by name', () => {
    const blob = buildPointedGoBlob(address, 8, 'go1.17', modules);
    blob[15] = 1;
    expect(codeOf(() => read(program(blob)))).toBe('go-buildinfo.byte-order');
  });

  it('refuses a list that is not UTF-8', () => {
    expect(codeOf(() => read(program(buildInlineGoBlob('go1.20', 'path\t\xff\xfe\n'))))).toBe('bytes.utf8');
  });

  it.each([
    ['inline', buildInlineGoBlob('go1.20', modules)],
    ['behind pointers', buildPointedGoBlob(address, 8, 'go1.17', modules)],
  ])('answers any bytes with build information, none, or a fault: strings %s', (_, blob) => {
    const image = program(blob, { offset: 0, sizeBytes: blob.byteLength });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 8 }), (edits) => {
        const bytes = Buffer.from(image);
        for (const [at, to] of edits) bytes[at] = to;
        expect(codeOf(() => read(bytes))).toMatch(/^(no fault|elf\.|bytes\.|source\.range|limit\.|go-buildinfo\.)/);
      }),
      { numRuns: 2000 },
    );
  });
});
