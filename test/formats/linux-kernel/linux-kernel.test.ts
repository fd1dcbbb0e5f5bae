import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { readKernel } from '../../../pipeline/formats/linux-kernel/index.ts';
import { buildArm64Kernel, buildX86Kernel, buildZbootKernel } from './kernel-image.ts';

const read = (bytes: Uint8Array) => readKernel(memorySource(bytes, 'vmlinuz-a'));
const usrHash = '20b08968dc4527a622b7f9f0ba9b6e1a16377500f1f9f93231712ccb45150570';
const banner = '6.12.102-flatcar (build@host) #1 SMP PREEMPT_DYNAMIC Mon Aug 11 23:50:00 -00 2026';
const changed = (image: Buffer, change: (image: Buffer) => void) => {
  const copy = Buffer.from(image);
  change(copy);
  return copy;
};

describe('a kernel', () => {
  test('for amd64 tells its version and the usr hash at byte 64', () => {
    expect(read(buildX86Kernel(banner, { usrHash }))).toEqual({
      architecture: 'x86-64',
      format: 'bzImage',
      version: '6.12.102-flatcar',
      banner,
      embeddedUsrHash: usrHash,
      signed: false,
    });
  });

  test('for arm64 tells the usr hash at byte 512 and no version', () => {
    expect(read(buildArm64Kernel({ usrHash }))).toEqual({
      architecture: 'arm64',
      format: 'arm64 Image',
      version: null,
      banner: null,
      embeddedUsrHash: usrHash,
      signed: false,
    });
  });

  test('that unpacks itself has the architecture of its PE header', () => {
    expect(read(buildZbootKernel(0xaa64))).toMatchObject({ architecture: 'arm64', format: 'EFI zboot', version: null });
    expect(read(buildZbootKernel(0x8664))).toMatchObject({ architecture: 'x86-64', format: 'EFI zboot' });
  });

  test.for([
    ['no hash', undefined],
    ['upper case', usrHash.toUpperCase()],
    ['63 digits', usrHash.slice(1)],
    ['a digit that is none', `${usrHash.slice(1)}g`],
  ] as const)('with %s where the usr hash would be has none', ([, text]) => {
    const shape = text === undefined ? {} : { usrHash: text };
    expect(read(buildX86Kernel(banner, shape)).embeddedUsrHash).toBeNull();
    expect(read(buildArm64Kernel(shape)).embeddedUsrHash).toBeNull();
  });

  test('with an Authenticode certificate is signed', () => {
    expect(read(buildX86Kernel(banner, { certificate: new Uint8Array(21) })).signed).toBe(true);
    expect(read(buildArm64Kernel({ certificate: new Uint8Array(8) })).signed).toBe(true);
  });

  test('with a certificate of another kind is not', () => {
    const image = buildX86Kernel(banner, { certificate: new Uint8Array(8) });
    image.writeUInt16LE(0x0ef1, 4096 + 6);
    expect(read(image).signed).toBe(false);
  });

  test.for<[string, (image: Buffer) => void]>([
    ['points to none', (image) => image.writeUInt16LE(0, 0x20e)],
    ['points behind the setup sectors', (image) => image.writeUInt16LE(5 * 512, 0x20e)],
    ['does not end', (image) => image.fill(0x41, 0x800, 0x800 + 256)],
    ['holds control characters', (image) => image.write('6.1\x1b[2J', 0x800)],
  ])('whose version %s has none', ([, change]) => {
    expect(read(changed(buildX86Kernel(banner), change)).version).toBeNull();
  });

  test.for<[string, Uint8Array, string]>([
    ['is empty', new Uint8Array(0), 'linux-kernel.format'],
    ['is text', Buffer.alloc(4096, 'x'), 'linux-kernel.format'],
    ['is an EFI program', changed(buildZbootKernel(0x8664), (i) => i.fill(0, 4, 8)), 'linux-kernel.format'],
    ['has 32 bits', changed(buildX86Kernel(banner), (i) => i.writeUInt16LE(0, 0x236)), 'linux-kernel.architecture'],
    ['is for RISC-V', buildZbootKernel(0x5064), 'linux-kernel.architecture'],
    ['is for two machines', buildX86Kernel(banner, { machine: 0xaa64 }), 'linux-kernel.machine'],
    [
      'has its PE header outside',
      changed(buildX86Kernel(banner), (i) => i.writeUInt32LE(~0 >>> 0, 0x3c)),
      'source.range',
    ],
  ])('that %s is refused', ([, image, code]) => {
    expect(() => read(image)).toThrow(expect.objectContaining({ code }));
  });

  test('of any bytes changed or cut off gives a value or a Fault', () => {
    const images = [
      buildX86Kernel(banner, { usrHash, certificate: new Uint8Array(40) }),
      buildArm64Kernel({ usrHash, certificate: new Uint8Array(40) }),
      buildZbootKernel(0xaa64),
    ];
    const changes = fc.array(fc.tuple(fc.oneof(fc.nat(700), fc.nat(4200)), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...images), changes, fc.nat(4200), (image, changes, length) => {
        const copy = Buffer.from(image);
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
        try {
          read(length % 3 === 0 ? copy.subarray(0, length) : copy);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
