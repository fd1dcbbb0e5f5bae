import type { Digest, DigestAlgorithm } from '../core/index.ts';
import { Enums, Models, Types } from './cyclonedx.ts';

const hashAlgorithms: Readonly<Record<DigestAlgorithm, Enums.HashAlgorithm>> = {
  sha1: Enums.HashAlgorithm['SHA-1'],
  sha256: Enums.HashAlgorithm['SHA-256'],
  sha384: Enums.HashAlgorithm['SHA-384'],
  sha512: Enums.HashAlgorithm['SHA-512'],
};

export function hashesOf(digests: readonly Digest[]): Models.HashDictionary {
  return new Models.HashDictionary(digests.map(({ algorithm, hex }) => [hashAlgorithms[algorithm], hex]));
}

/** Far above any real one; the library's pattern is not made for attackers' text. */
const longestCpe = 512;

/** What the bytes call a CPE may be anything; the library throws at what is none. */
export function isCpe(text: string | null | undefined): text is Types.CPE {
  return typeof text === 'string' && text.length <= longestCpe && Types.isCPE(text);
}
