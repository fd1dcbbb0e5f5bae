import { createHash, hash } from 'node:crypto';
import { Fault } from './fault.ts';

export type DigestAlgorithm = 'sha256' | 'sha512' | 'sha384' | 'sha1';

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128, sha384: 96, sha1: 40 };

/** A checked digest: lower-case hexadecimal of exactly the algorithm's length. Made by Digest.parse, of and fromHex only. */
export type Digest = {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
  readonly [digestBrand]: true;
};
declare const digestBrand: unique symbol;

export const Digest = Object.freeze({
  /** Parses `sha256:<hex>`. Faults: digest.algorithm, digest.hex. */
  parse(text: string): Digest {
    const colon = text.indexOf(':');
    if (colon < 0) {
      throw new Fault(
        'digest.algorithm',
        `Cannot read digest ${JSON.stringify(text.slice(0, 80))}: no algorithm, want sha256:<hex>`,
      );
    }
    return Digest.fromHex(text.slice(0, colon), text.slice(colon + 1));
  },

  /** Checks an algorithm's name and hexadecimal digits, as a DigestSet of in-toto holds them. */
  fromHex(algorithm: string, hex: string): Digest {
    if (!isAlgorithm(algorithm)) {
      throw new Fault(
        'digest.algorithm',
        `Cannot read digest: algorithm ${JSON.stringify(algorithm.slice(0, 40))}, want one of ${Object.keys(hexLength).join(', ')}`,
      );
    }
    if (hex.length !== hexLength[algorithm] || !isLowerHex(hex)) {
      throw new Fault(
        'digest.hex',
        `Cannot read ${algorithm} digest ${JSON.stringify(hex.slice(0, 140))}: want ${hexLength[algorithm]} lower-case hexadecimal digits`,
      );
    }
    return Object.freeze({ algorithm, hex }) as Digest;
  },

  fromBytes(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
    return Digest.fromHex(algorithm, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'));
  },

  /** The digest of bytes that are in memory. */
  of(algorithm: DigestAlgorithm, bytes: Uint8Array | string): Digest {
    return Digest.fromHex(algorithm, hash(algorithm, bytes, 'hex'));
  },

  /** The digest of chunks in turn, such as a file's, read once. */
  ofChunks(algorithm: DigestAlgorithm, chunks: Iterable<Uint8Array>): Digest {
    const state = createHash(algorithm);
    for (const chunk of chunks) state.update(chunk);
    return Digest.fromHex(algorithm, state.digest('hex'));
  },

  format(digest: Digest): string {
    return `${digest.algorithm}:${digest.hex}`;
  },

  equals(left: Digest, right: Digest): boolean {
    return left.algorithm === right.algorithm && left.hex === right.hex;
  },
});

function isAlgorithm(name: string): name is DigestAlgorithm {
  return Object.hasOwn(hexLength, name);
}

function isLowerHex(text: string): boolean {
  return /^[0-9a-f]*$/.test(text);
}
