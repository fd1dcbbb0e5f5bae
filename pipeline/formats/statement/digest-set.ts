import * as z from 'zod/mini';
import { Digest, type DigestAlgorithm, limits } from '../../core/index.ts';

/** in-toto DigestSet (digest_set.md): algorithm → lower-case hexadecimal. Names we do not know are kept and never match. */
export const digestSetSchema = z.pipe(
  // Counted before each member is looked at: a document of 32 MiB may hold millions.
  z.unknown().check(z.refine(hasFewMembers, 'too many algorithms')),
  z
    .record(z.string().check(z.regex(/^[A-Za-z0-9_./-]{1,64}$/)), z.string().check(z.minLength(1), z.maxLength(1024)))
    .check(
      z.refine((set) => Object.keys(set).length > 0, 'an empty digest set matches nothing'),
      z.refine(
        (set) => Object.entries(set).every(isWellFormed),
        'a digest is not lower-case hexadecimal of its length',
      ),
    ),
);

export type DigestSet = z.output<typeof digestSetSchema>;

/** The algorithms that bind bytes. SHA-1 is kept in a set, as git commits are, and binds no artifact. */
const binding = ['sha256', 'sha384', 'sha512'] as const satisfies readonly DigestAlgorithm[];

/** The digests of a set that may be compared with an artifact's. */
export function bindingDigests(set: DigestSet): readonly Digest[] {
  return binding.flatMap((algorithm) => {
    const hex = set[algorithm];
    return hex === undefined ? [] : [Digest.fromHex(algorithm, hex)];
  });
}

/**
 * True where the set holds this digest. digest_set.md: two sets match if one algorithm of both agrees; a consumer
 * should compare the strongest it accepts, so a set that contradicts itself is the business of who signed it.
 */
export function matchesDigest(set: DigestSet, digest: Digest): boolean {
  return bindingDigests(set).some((candidate) => Digest.equals(candidate, digest));
}

const lengths: Readonly<Record<string, number | null>> = {
  sha1: 40,
  sha256: 64,
  sha384: 96,
  sha512: 128,
  gitCommit: null,
};

function hasFewMembers(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length <= limits.digestSetAlgorithms;
}

function isWellFormed([algorithm, hex]: readonly [string, string]): boolean {
  const want = Object.hasOwn(lengths, algorithm) ? lengths[algorithm] : undefined;
  if (want === undefined) return true;
  return /^[0-9a-f]+$/.test(hex) && (want === null ? hex.length === 40 || hex.length === 64 : hex.length === want);
}
