import { createHash } from 'node:crypto';
import { Fault } from '../../core/index.ts';

/**
 * Hash algorithms of dm-verity that veritysetup and the kernel accept, under their names, with what node:crypto calls
 * them and the bytes of a digest. MD5, SHAKE and Whirlpool are left out on purpose: nobody ships them, and each is either
 * broken or missing in OpenSSL 3.
 */
const algorithms = {
  sha1: { cryptoName: 'sha1', digestBytes: 20 },
  sha224: { cryptoName: 'sha224', digestBytes: 28 },
  sha256: { cryptoName: 'sha256', digestBytes: 32 },
  sha384: { cryptoName: 'sha384', digestBytes: 48 },
  sha512: { cryptoName: 'sha512', digestBytes: 64 },
  'sha3-224': { cryptoName: 'sha3-224', digestBytes: 28 },
  'sha3-256': { cryptoName: 'sha3-256', digestBytes: 32 },
  'sha3-384': { cryptoName: 'sha3-384', digestBytes: 48 },
  'sha3-512': { cryptoName: 'sha3-512', digestBytes: 64 },
  'sha512-256': { cryptoName: 'sha512-256', digestBytes: 32 },
  ripemd160: { cryptoName: 'ripemd160', digestBytes: 20 },
  rmd160: { cryptoName: 'ripemd160', digestBytes: 20 },
  'blake2b-512': { cryptoName: 'blake2b512', digestBytes: 64 },
  'blake2s-256': { cryptoName: 'blake2s256', digestBytes: 32 },
  sm3: { cryptoName: 'sm3', digestBytes: 32 },
} as const;

export type VerityAlgorithm = keyof typeof algorithms;

/** Not every runtime has all of them: BoringSSL knows no SM3. */
function isBuiltIn(cryptoName: string): boolean {
  try {
    createHash(cryptoName);
    return true;
  } catch {
    return false;
  }
}

/** Checks the name of an algorithm. Fault: verity.algorithm. */
export function parseVerityAlgorithm(name: string): VerityAlgorithm {
  if (Object.hasOwn(algorithms, name)) {
    const algorithm = name as VerityAlgorithm;
    if (isBuiltIn(algorithms[algorithm].cryptoName)) return algorithm;
    throw new Fault('verity.algorithm', `Cannot compute verity algorithm ${name}: this program has none`, {
      next: 'Take nodeproof of a checkout: the Node of it has all algorithms',
    });
  }
  throw new Fault(
    'verity.algorithm',
    `Cannot read verity algorithm: ${JSON.stringify(name.slice(0, 64))}, want one of ${Object.keys(algorithms).join(', ')}`,
  );
}

export function verityDigestBytes(algorithm: VerityAlgorithm): number {
  return algorithms[algorithm].digestBytes;
}

/** The algorithm's name in node:crypto. */
export function verityCryptoName(algorithm: VerityAlgorithm): string {
  return algorithms[algorithm].cryptoName;
}
