import { ByteReader, encodeUuid, Fault, formatUuid, type Source, within } from '../../core/index.ts';
import { parseVerityAlgorithm } from './algorithms.ts';
import { checkVerityParameters, type VerityParameters } from './parameters.ts';

/** What the superblock of a hash device says: the parameters of its tree, and its UUID. */
export type VeritySuperblock = VerityParameters & {
  readonly version: 1;
  readonly uuid: string;
};

export const veritySuperblockBytes = 512;
const saltCapacity = 256;

/**
 * Parses the 512 bytes of a verity superblock, all numbers little endian. Padding may hold anything, as in
 * cryptsetup: the root hash does not cover the superblock, so nothing in it is believed before the tree agrees.
 * Faults: verity.signature, verity.version, verity.hash-type, verity.algorithm, verity.block-size, verity.data-blocks,
 * verity.salt, bytes.*.
 * Source: cryptsetup, lib/verity/verity.c, struct verity_sb.
 */
export function parseVeritySuperblock(bytes: Uint8Array, base = 0): VeritySuperblock {
  const reader = new ByteReader(bytes, 'verity superblock', base);
  if (reader.bytes(8, 'signature').some((byte, index) => byte !== signature[index]))
    throw new Fault('verity.signature', 'Cannot read verity superblock: it does not begin with "verity"', {
      where: `verity superblock at byte ${base}`,
    });
  const version = reader.u32le('version');
  if (version !== 1) throw reader.fault('verity.version', 'version', `${version}, want 1`);
  const hashType = reader.u32le('hash_type');
  if (hashType !== 0 && hashType !== 1) throw reader.fault('verity.hash-type', 'hash_type', `${hashType}, want 0 or 1`);
  const uuid = formatUuid(reader.bytes(16, 'uuid'));
  const algorithmName = reader.asciiPadded(32, 'algorithm');
  const dataBlockSizeBytes = reader.u32le('data_block_size');
  const hashBlockSizeBytes = reader.u32le('hash_block_size');
  const dataBlocks = reader.u64le('data_blocks');
  const saltSize = reader.u16le('salt_size');
  if (saltSize > saltCapacity)
    throw reader.fault('verity.salt', 'salt_size', `${saltSize}, want at most ${saltCapacity}`);
  reader.skip(6, 'pad');
  const salt = Buffer.from(reader.bytes(saltCapacity, 'salt').subarray(0, saltSize)).toString('hex');
  reader.skip(168, 'pad');
  reader.end();
  return within(`verity superblock at byte ${base}`, () =>
    Object.freeze({
      version,
      uuid,
      ...checkVerityParameters({
        hashType,
        algorithm: parseVerityAlgorithm(algorithmName),
        dataBlockSizeBytes,
        hashBlockSizeBytes,
        dataBlocks,
        salt,
      }),
    }),
  );
}

/** Reads the superblock of a hash device or partition at an offset that must be a multiple of 512, as veritysetup wants. */
export function readVeritySuperblock(source: Source, offset: number): VeritySuperblock {
  if (offset % veritySuperblockBytes !== 0)
    throw new Fault('verity.hash-offset', `Cannot read verity superblock: offset ${offset}, want a multiple of 512`, {
      where: source.name,
    });
  return within(source.name, () => parseVeritySuperblock(source.read(offset, veritySuperblockBytes), offset));
}

const signature = Buffer.from('verity\0\0', 'latin1');

/** The 512 bytes of a superblock, as `veritysetup format` writes them. */
export function encodeVeritySuperblock(parameters: VerityParameters, uuid: string): Uint8Array {
  const { hashType, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, salt } = parameters;
  const bytes = Buffer.alloc(veritySuperblockBytes);
  bytes.set(signature, 0);
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(hashType, 12);
  bytes.set(encodeUuid(uuid), 16);
  bytes.write(algorithm, 32, 32, 'latin1');
  bytes.writeUInt32LE(dataBlockSizeBytes, 64);
  bytes.writeUInt32LE(hashBlockSizeBytes, 68);
  bytes.writeBigUInt64LE(BigInt(dataBlocks), 72);
  bytes.writeUInt16LE(salt.length / 2, 80);
  bytes.write(salt, 88, 'hex');
  return bytes;
}
