/** Builds the headers of kernel images as the kernel's build lays them out, with nothing behind them. */
export type KernelShape = {
  readonly usrHash?: string;
  readonly machine?: number;
  /** Content of an Authenticode entry of the certificate table. */
  readonly certificate?: Uint8Array;
};

const peStart = 0x90;

export function buildX86Kernel(banner: string, shape: KernelShape = {}): Buffer {
  const image = withPe(Buffer.alloc(4096), shape.machine ?? 0x8664, 0x90);
  image[0x1f1] = 5;
  image.writeUInt16LE(0xaa55, 0x1fe);
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt16LE(0x020f, 0x206);
  image.writeUInt16LE(0x600, 0x20e);
  image.writeUInt16LE(0x3f, 0x236);
  image.write(`${banner}\0`, 0x800, 'latin1');
  image.write(shape.usrHash ?? 'Use a boot loader.\r\n\nRemove disk and press any key to reboot.', 64, 'latin1');
  return withCertificate(image, shape.certificate);
}

export function buildArm64Kernel(shape: KernelShape = {}): Buffer {
  const image = withPe(Buffer.alloc(4096), shape.machine ?? 0xaa64, 0x40);
  image.write('ARM\x64', 56, 'latin1');
  image.write(shape.usrHash ?? '', 512, 'latin1');
  return withCertificate(image, shape.certificate);
}

export function buildZbootKernel(machine: number): Buffer {
  const image = withPe(Buffer.alloc(4096), machine, peStart);
  image.write('zimg', 4, 'latin1');
  image.write('gzip\0', 24, 'latin1');
  return image;
}

function withPe(image: Buffer, machine: number, start: number): Buffer {
  image.write('MZ', 0, 'latin1');
  image.writeUInt32LE(start, 0x3c);
  image.write('PE\0\0', start, 'latin1');
  image.writeUInt16LE(machine, start + 4);
  image.writeUInt16LE(1, start + 6); // sections
  image.writeUInt16LE(160, start + 20); // size of the optional header
  image.writeUInt16LE(0x206, start + 22); // characteristics
  const optional = start + 24;
  image.writeUInt16LE(0x20b, optional); // PE32+
  image.writeUInt32LE(512, optional + 32); // section alignment
  image.writeUInt32LE(512, optional + 36); // file alignment
  image.writeUInt32LE(4096, optional + 56); // size of the image
  image.writeUInt32LE(1024, optional + 60); // size of the headers
  image.writeUInt16LE(10, optional + 68); // an EFI application
  image.writeUInt32LE(6, optional + 108); // data directories
  const section = optional + 160;
  image.write('.text', section, 'latin1');
  image.writeUInt32LE(1024, section + 8);
  image.writeUInt32LE(1024, section + 12);
  image.writeUInt32LE(1024, section + 16);
  image.writeUInt32LE(1024, section + 20);
  return image;
}

function withCertificate(image: Buffer, certificate: Uint8Array | undefined): Buffer {
  if (certificate === undefined) return image;
  const entry = Buffer.alloc(8 + Math.ceil(certificate.byteLength / 8) * 8);
  entry.writeUInt32LE(8 + certificate.byteLength, 0);
  entry.writeUInt16LE(0x0200, 4);
  entry.writeUInt16LE(0x0002, 6);
  entry.set(certificate, 8);
  const directory = image.readUInt32LE(0x3c) + 24 + 112 + 4 * 8;
  image.writeUInt32LE(image.byteLength, directory);
  image.writeUInt32LE(entry.byteLength, directory + 4);
  return Buffer.concat([image, entry]);
}
