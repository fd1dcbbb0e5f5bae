import * as z from 'zod/mini';
import { Digest, encodeCanonicalJson, type Json, limits } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith } from '../formats/schema/index.ts';

/**
 * The JSON form of a Sigstore trusted root (sigstore/protobuf-specs, sigstore_trustroot.proto). Fields that we do not know
 * are refused, not ignored: one may narrow what the root vouches for.
 */

const mediaTypes = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot.v0.1+json',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
] as const;

/** Key kinds of logs that the library verifies. */
const keyDetails = [
  'PKIX_ECDSA_P256_SHA_256',
  'PKIX_ED25519',
  'PKCS1_RSA_PKCS1V5',
  'PKIX_RSA_PKCS1V5',
  'PKIX_RSA_PKCS1V15_2048_SHA256',
  'PKIX_RSA_PKCS1V15_3072_SHA256',
  'PKIX_RSA_PKCS1V15_4096_SHA256',
] as const;

const text = z.string().check(z.maxLength(512));
const base64 = z.string().check(
  z.minLength(1),
  z.maxLength(limits.bundlePartBytes),
  z.refine((value) => Buffer.from(value, 'base64').toString('base64') === value, 'not base64 in its canonical form'),
);
const instant = z.string().check(
  z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/),
  z.refine((value) => !Number.isNaN(Date.parse(value)), 'no such time'),
);

/** The library takes a missing start for the beginning of time; then a retired key would vouch for ever. */
const validFor = z
  .strictObject({ start: instant, end: z.optional(instant) })
  .check(
    z.refine(
      (range) => range.end === undefined || Date.parse(range.start) < Date.parse(range.end),
      'ends before it starts',
    ),
  );

const logId = z.strictObject({ keyId: base64 });

const logInstance = z.strictObject({
  baseUrl: text.check(z.regex(/^https?:\/\/\S+$/)),
  hashAlgorithm: z.literal('SHA2_256'),
  publicKey: z.strictObject({ rawBytes: base64, keyDetails: z.enum(keyDetails), validFor }),
  logId,
  checkpointKeyId: z.optional(logId),
  operator: z.optional(text),
});

const authority = z.strictObject({
  subject: z.optional(z.strictObject({ organization: z.optional(text), commonName: z.optional(text) })),
  uri: z.optional(text),
  certChain: z.strictObject({
    certificates: z.array(z.strictObject({ rawBytes: base64 })).check(z.minLength(1), z.maxLength(8)),
  }),
  validFor,
  operator: z.optional(text),
});

function entries<T extends z.ZodMiniType>(entry: T) {
  return z._default(z.array(entry).check(z.maxLength(limits.trustedRootEntries)), []);
}

const trustedRootSchema = z.strictObject({
  mediaType: z.enum(mediaTypes),
  tlogs: entries(logInstance),
  certificateAuthorities: entries(authority),
  ctlogs: entries(logInstance),
  timestampAuthorities: entries(authority),
});

export type TrustedRootDocument = z.output<typeof trustedRootSchema>;

/** A trusted root as it was found: its digest says whether a policy pins it. */
export type TrustedRootCandidate = { readonly sha256: string; readonly json: Json };

/** SHA-256 of the canonical JSON (RFC 8785): white space and the order of members do not change what a policy pins. */
export function trustedRootDigest(json: Json): string {
  return Digest.of('sha256', encodeCanonicalJson(json)).hex;
}

/** Reads a trusted_root.json without trusting it. Faults: json.*, bytes.utf8, limit.json. */
export function parseTrustedRootCandidate(bytes: Uint8Array): TrustedRootCandidate {
  const json = parseJsonBytes(bytes, 'trusted root', limits.trustedRootBytes);
  return { sha256: trustedRootDigest(json), json };
}

/** Checks the fields of a trusted root whose digest is pinned. Faults: trusted-root.field. */
export function checkTrustedRoot(json: Json): TrustedRootDocument {
  return parseWith(trustedRootSchema, json, 'trusted-root.field', 'trusted root');
}
