import * as z from 'zod/mini';
import { plainName, sha256Hex, utcTime } from '../formats/schema/index.ts';

/** An issuer of identity tokens, compared as a whole string. */
export const issuerUrl = z.string().check(z.regex(/^https:\/\/[^\s?#*]{1,500}$/));

/**
 * How much must vouch for a signature under one root. A time source is always needed: a certificate lives for minutes,
 * and only an authenticated time says that the signature was made in them.
 */
const thresholdsSchema = z.strictObject({
  /** Distinct transparency logs that hold the signature. */
  tlog: z.int().check(z.minimum(0), z.maximum(8)),
  /** Distinct certificate transparency logs that hold the certificate. */
  sct: z.int().check(z.minimum(0), z.maximum(8)),
  /** Distinct authenticated times: signed timestamps and the logs' promises. */
  timestamps: z.int().check(z.minimum(1), z.maximum(8)),
});

const rootPinSchema = z.strictObject({
  name: plainName,
  /** SHA-256 of the canonical JSON (RFC 8785) of the trusted_root.json. */
  sha256: z.optional(sha256Hex),
  /** The root that ships with a named Sigstore package, instead of a digest. */
  builtin: z.optional(z.enum(['public-good'])),
  /** The only issuers that this root's certificate authorities may vouch for. */
  issuers: z.array(issuerUrl).check(z.minLength(1), z.maxLength(64)),
  thresholds: z._default(thresholdsSchema, { tlog: 1, sct: 1, timestamps: 1 }),
});

const keyPinSchema = z.strictObject({
  name: plainName,
  /** SHA-256 of the key's SubjectPublicKeyInfo in DER. */
  spkiSha256: sha256Hex,
  validFrom: z._default(z.nullable(utcTime), null),
  /** Required: a stolen key must not be trusted for ever. */
  validUntil: utcTime,
});

/** The policy's section `trust`: all that a verification stands on. Everything is pinned by digest. */
export const trustSchema = z
  .strictObject({
    roots: z._default(
      z.array(
        rootPinSchema.check(
          z.refine((root) => (root.sha256 === undefined) !== (root.builtin === undefined), 'want sha256 or builtin'),
        ),
      ),
      [],
    ),
    keys: z._default(
      z.array(
        keyPinSchema.check(
          z.refine(
            (key) => key.validFrom === null || Date.parse(key.validFrom) < Date.parse(key.validUntil),
            'validFrom is not before validUntil',
          ),
        ),
      ),
      [],
    ),
  })
  .check(
    z.refine((trust) => trust.roots.length + trust.keys.length > 0, 'pins no root and no key'),
    z.refine((trust) => unique(trust.roots.map((root) => root.name)), 'two roots of one name'),
    z.refine((trust) => unique(trust.keys.map((key) => key.name)), 'two keys of one name'),
    z.refine((trust) => unique(trust.keys.map((key) => key.spkiSha256)), 'one key under two names'),
  );

export type Thresholds = Readonly<z.output<typeof thresholdsSchema>>;
export type RootPin = Readonly<z.output<typeof rootPinSchema>>;
export type KeyPin = Readonly<z.output<typeof keyPinSchema>>;
export type Trust = { readonly roots: readonly RootPin[]; readonly keys: readonly KeyPin[] };

function unique(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}
