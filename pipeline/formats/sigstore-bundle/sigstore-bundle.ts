import * as z from 'zod/mini';
import { Digest, Fault, type Json, limits } from '../../core/index.ts';
import { type Envelope, envelopeSchema, parseEnvelope } from '../dsse/index.ts';
import { decodeBase64, parseJsonBytes, quoteText } from '../json/index.ts';
import { parseWith } from '../schema/index.ts';

/**
 * The JSON form of a Sigstore bundle (sigstore/protobuf-specs, sigstore_bundle.proto), read so that nothing in it can be
 * taken two ways: unknown fields, unknown media types, base64url and second signatures are refused. Protobuf's JSON leaves
 * out fields that are zero or empty, hence the defaults.
 */

const v03 = [
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
] as const;
const v02 = 'application/vnd.dev.sigstore.bundle+json;version=0.2';
const v01 = 'application/vnd.dev.sigstore.bundle+json;version=0.1';
const mediaTypes: readonly string[] = [...v03, v02];

const base64 = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(limits.bundlePartBytes),
    z.refine(isCanonicalBase64, 'not base64 in its canonical form (RFC 4648 §4)'),
  );
const int64 = z.string().check(z.regex(/^(?:0|[1-9][0-9]{0,18})$/));
const text = z.string().check(z.maxLength(limits.bundlePartBytes));

const certificate = z.strictObject({ rawBytes: base64 });

const logEntry = z.strictObject({
  logIndex: z._default(int64, '0'),
  logId: z.strictObject({ keyId: base64 }),
  kindVersion: z.strictObject({ kind: text, version: text }),
  integratedTime: z._default(int64, '0'),
  inclusionPromise: z.optional(z.strictObject({ signedEntryTimestamp: base64 })),
  inclusionProof: z.optional(
    z.strictObject({
      logIndex: z._default(int64, '0'),
      rootHash: base64,
      treeSize: int64,
      hashes: z._default(z.array(base64).check(z.maxLength(limits.proofHashes)), []),
      checkpoint: z.strictObject({ envelope: text }),
    }),
  ),
  canonicalizedBody: z
    .string()
    .check(
      z.minLength(1),
      z.maxLength(limits.bundleBytes),
      z.refine(isCanonicalBase64, 'not base64 in its canonical form (RFC 4648 §4)'),
    ),
});

const verificationMaterial = z.strictObject({
  certificate: z.optional(certificate),
  x509CertificateChain: z.optional(
    z.strictObject({ certificates: z.array(certificate).check(z.minLength(1), z.maxLength(8)) }),
  ),
  publicKey: z.optional(z.strictObject({ hint: z.optional(z.string().check(z.maxLength(1024))) })),
  tlogEntries: z._default(z.array(logEntry).check(z.maxLength(limits.bundleLogEntries)), []),
  timestampVerificationData: z.optional(
    z.strictObject({
      rfc3161Timestamps: z._default(
        z.array(z.strictObject({ signedTimestamp: base64 })).check(z.maxLength(limits.bundleTimestamps)),
        [],
      ),
    }),
  ),
});

const messageSignature = z.strictObject({
  messageDigest: z.strictObject({ algorithm: z.enum(['SHA2_256', 'SHA2_384', 'SHA2_512']), digest: base64 }),
  signature: base64,
});

const bundleSchema = z
  .strictObject({
    mediaType: z.string(),
    verificationMaterial,
    dsseEnvelope: z.optional(envelopeSchema),
    messageSignature: z.optional(messageSignature),
  })
  .check(
    z.refine(
      (bundle) => (bundle.dsseEnvelope === undefined) !== (bundle.messageSignature === undefined),
      'want exactly one of dsseEnvelope and messageSignature',
    ),
    z.refine(
      ({ verificationMaterial: { certificate: leaf, x509CertificateChain: chain, publicKey: key } }) =>
        [leaf, chain, key].filter((material) => material !== undefined).length === 1,
      'want exactly one of certificate, x509CertificateChain and publicKey',
    ),
    z.refine(
      (bundle) => bundle.mediaType === v02 || bundle.verificationMaterial.x509CertificateChain === undefined,
      'a v0.3 bundle holds the leaf certificate, not a chain',
    ),
  );

export type LogEntry = Readonly<z.output<typeof logEntry>>;

export type SigstoreBundle = {
  readonly mediaType: string;
  /** The signer's certificate in DER; null where the bundle was signed with a key. */
  readonly certificate: Buffer | null;
  readonly logEntries: readonly LogEntry[];
  /** RFC 3161 responses in DER. */
  readonly timestamps: readonly Buffer[];
  readonly content:
    | { readonly kind: 'envelope'; readonly envelope: Envelope }
    | { readonly kind: 'message'; readonly digest: Digest; readonly signature: Buffer };
  /** SHA-256 of the bundle's bytes; of its compact JSON where it came as a part of another document. */
  readonly sha256: string;
  /** The document with defaults filled in, for the library that does the cryptography. */
  readonly json: Json;
};

/**
 * Reads a bundle from its bytes, or from a part of a document that parseJson read. Nothing in it is verified by that.
 * Faults: bundle.media-type, bundle.field, dsse.envelope, base64.form, json.*, bytes.utf8, limit.json.
 */
export function parseBundle(input: Uint8Array | Json): SigstoreBundle {
  const bytes = input instanceof Uint8Array ? input : Buffer.from(JSON.stringify(input));
  const document = parseJsonBytes(bytes, 'bundle', limits.bundleBytes);
  checkMediaType(document);
  const bundle = parseWith(bundleSchema, document, 'bundle.field', 'bundle');
  const material = bundle.verificationMaterial;
  const leaf = material.certificate ?? material.x509CertificateChain?.certificates[0];
  const parsed: SigstoreBundle = Object.freeze({
    mediaType: bundle.mediaType,
    certificate: leaf === undefined ? null : Buffer.from(leaf.rawBytes, 'base64'),
    logEntries: material.tlogEntries,
    timestamps: (material.timestampVerificationData?.rfc3161Timestamps ?? []).map((timestamp) =>
      Buffer.from(timestamp.signedTimestamp, 'base64'),
    ),
    content: contentOf(bundle),
    sha256: Digest.of('sha256', bytes).hex,
    json: bundle as Json,
  });
  parsedBundles.add(parsed);
  return parsed;
}

const parsedBundles = new WeakSet<object>();

/** True for what parseBundle returned: its parts are known to say the same as its JSON. */
export function isParsedBundle(value: unknown): value is SigstoreBundle {
  return typeof value === 'object' && value !== null && parsedBundles.has(value);
}

/** A media type that we do not know may mean other rules: the library would take it for its newest version. */
function checkMediaType(document: Json): void {
  const mediaType =
    typeof document === 'object' && document !== null && 'mediaType' in document ? document['mediaType'] : undefined;
  if (typeof mediaType !== 'string' || mediaTypes.includes(mediaType)) return;
  const next =
    mediaType === v01
      ? { next: 'Bundles v0.1 have no inclusion proof: ask the signer for a v0.3 bundle' }
      : { next: `Known media types: ${mediaTypes.join(', ')}` };
  throw new Fault('bundle.media-type', `Cannot read bundle: media type ${quoteText(mediaType)}, want ${v03[0]}`, {
    where: 'mediaType',
    ...next,
  });
}

function contentOf(bundle: z.output<typeof bundleSchema>): SigstoreBundle['content'] {
  const message = bundle.messageSignature;
  if (message === undefined) return { kind: 'envelope', envelope: parseEnvelope(bundle.dsseEnvelope) };
  const algorithm = ({ SHA2_256: 'sha256', SHA2_384: 'sha384', SHA2_512: 'sha512' } as const)[
    message.messageDigest.algorithm
  ];
  return {
    kind: 'message',
    digest: Digest.fromBytes(algorithm, decodeBase64(message.messageDigest.digest, 'the message digest')),
    signature: decodeBase64(message.signature, 'the message signature'),
  };
}

function isCanonicalBase64(value: string): boolean {
  return Buffer.from(value, 'base64').toString('base64') === value;
}
