import { Fault, type Source } from '../../core/index.ts';
import { type PeImage, readPe } from '../pe/index.ts';

/** What a kernel image says in its header, without being unpacked. */
export type LinuxKernel = {
  /** systemd's word. */
  readonly architecture: 'x86-64' | 'arm64';
  readonly format: 'bzImage' | 'arm64 Image' | 'EFI zboot';
  /** What `uname -r` prints: `6.12.102-flatcar`. Only the header of a bzImage holds it. */
  readonly version: string | null;
  /** The version with its builder, number and date, as far as the header has it. */
  readonly banner: string | null;
  /** The verity root hash of /usr, 64 hexadecimal digits, where Flatcar's build wrote one into the header. */
  readonly embeddedUsrHash: string | null;
  /** Whether there is an Authenticode signature, as Secure Boot wants it. Whose it is and whether it holds is not checked. */
  readonly signed: boolean;
};

const headBytes = 1024;
const authenticode = 0x0002;

type Header = Pick<LinuxKernel, 'architecture' | 'format' | 'version' | 'banner'> & {
  /** Where Flatcar's build and boot loader keep the usr hash (facts of its build_image_util.sh and GRUB patch). */
  readonly usrHashOffset: 64 | 512;
};

const machines = { 'x86-64': 0x8664, arm64: 0xaa64 } as const;

/**
 * Reads the header of a Linux kernel: Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst and
 * drivers/firmware/efi/libstub/zboot-header.S.
 * Faults: linux-kernel.format, linux-kernel.architecture, linux-kernel.machine, pe.*, source.range.
 */
export function readKernel(source: Source): LinuxKernel {
  const head = Buffer.from(source.read(0, Math.min(headBytes, source.sizeBytes)));
  if (head.byteLength < headBytes) throw unknownFormat(source);
  const pe = head.toString('latin1', 0, 2) === 'MZ' ? readPe(source) : undefined;
  const { usrHashOffset, ...header } = readHeader(source, head, pe);
  // An EFI firmware starts the program that the PE header describes, a boot loader may take the other: both must be one.
  if (pe !== undefined && pe.machine !== machines[header.architecture])
    throw new Fault(
      'linux-kernel.machine',
      `Cannot read the kernel ${source.name}: its PE header is for machine 0x${pe.machine.toString(16)}, want 0x${machines[header.architecture].toString(16)}`,
      { where: source.name },
    );
  const usrHash = head.toString('latin1', usrHashOffset, usrHashOffset + 64);
  return {
    ...header,
    embeddedUsrHash: /^[0-9a-f]{64}$/.test(usrHash) ? usrHash : null,
    signed: pe?.certificates.some((certificate) => certificate.type === authenticode) ?? false,
  };
}

function readHeader(source: Source, head: Buffer, pe: PeImage | undefined): Header {
  if (head.readUInt16LE(0x1fe) === 0xaa55 && head.toString('latin1', 0x202, 0x206) === 'HdrS')
    return readX86(source, head);
  if (head.toString('latin1', 56, 60) === 'ARM\x64')
    return { architecture: 'arm64', format: 'arm64 Image', version: null, banner: null, usrHashOffset: 512 };
  if (pe !== undefined && head.toString('latin1', 4, 8) === 'zimg') {
    const base = { format: 'EFI zboot', version: null, banner: null } as const;
    if (pe.machine === machines.arm64) return { ...base, architecture: 'arm64', usrHashOffset: 512 };
    if (pe.machine === machines['x86-64']) return { ...base, architecture: 'x86-64', usrHashOffset: 64 };
    throw unknownArchitecture(source, `an EFI zboot image for machine 0x${pe.machine.toString(16)}`);
  }
  throw unknownFormat(source);
}

function readX86(source: Source, head: Buffer): Header {
  // "The Real-Mode Kernel Header": xloadflags came with protocol 2.12, its bit 0 says that there is a 64-bit entry point.
  const protocol = head.readUInt16LE(0x206);
  if (protocol < 0x20c || (head.readUInt16LE(0x236) & 1) === 0) throw unknownArchitecture(source, 'a 32-bit bzImage');
  const banner = readX86Banner(source, head);
  const space = banner?.indexOf(' ') ?? -1;
  return {
    architecture: 'x86-64',
    format: 'bzImage',
    version: banner === null || space < 0 ? banner : banner.slice(0, space),
    banner,
    usrHashOffset: 64,
  };
}

/** kernel_version points, less 0x200, into the setup sectors: text that ends with a NUL. */
function readX86Banner(source: Source, head: Buffer): string | null {
  const pointer = head.readUInt16LE(0x20e);
  const setupSectors = head.readUInt8(0x1f1) || 4;
  if (pointer === 0 || pointer >= 0x200 * setupSectors) return null;
  const start = pointer + 0x200;
  if (start >= source.sizeBytes) return null;
  const field = Buffer.from(source.read(start, Math.min(256, source.sizeBytes - start)));
  const end = field.indexOf(0);
  const text = end < 0 ? '' : field.toString('latin1', 0, end);
  return /^[\x21-\x7e][\x20-\x7e]*$/.test(text) ? text : null;
}

function unknownFormat(source: Source): Fault {
  return new Fault(
    'linux-kernel.format',
    `Cannot read ${source.name} as a kernel: neither a bzImage nor an arm64 Image nor an EFI zboot image`,
    { where: source.name },
  );
}

function unknownArchitecture(source: Source, what: string): Fault {
  return new Fault('linux-kernel.architecture', `Cannot read ${source.name}: ${what}, want x86-64 or arm64`, {
    where: source.name,
  });
}
