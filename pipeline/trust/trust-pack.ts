import * as z from 'zod/mini';
import { Digest, Fault, type Json, limits, within } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith, plainName, utcTime } from '../formats/schema/index.ts';
import type { Candidates } from './open-anchors.ts';
import { parsePublicKey } from './public-key.ts';
import { trustedRootDigest } from './trusted-root.ts';

/** One file with what an offline verification needs beside the policy. Untrusted transport: anyone can write one. */
export const trustPackMediaType = 'application/vnd.nodeproof.trust-pack.v1+json';

const jsonObject = z.record(z.string(), z.unknown());

const trustPackSchema = z.strictObject({
  mediaType: z.literal(trustPackMediaType),
  name: plainName,
  /** Counts up: a node keeps the highest it accepted, and refuses an older pack. */
  version: z.int().check(z.positive()),
  issuedAt: utcTime,
  expiresAt: z.nullable(utcTime),
  trustedRoots: z.array(jsonObject).check(z.maxLength(16)),
  publicKeys: z.array(z.string().check(z.maxLength(limits.pemBytes))).check(z.maxLength(64)),
  bundles: z.array(jsonObject).check(z.maxLength(limits.trustPackBundles)),
  /** Signed statements that revoke; who may revoke is the policy's word. */
  revocations: z.array(jsonObject).check(z.maxLength(limits.trustPackBundles)),
});

export type TrustPack = Candidates & {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  /** Sigstore bundles, for parseBundle. */
  readonly bundles: readonly Json[];
  readonly revocations: readonly Json[];
  /** SHA-256 of the pack's bytes. */
  readonly sha256: string;
};

/** Reads a trust pack: only says what is inside. Faults: trust-pack.*, json.*, bytes.utf8, limit.json. */
export function parseTrustPack(bytes: Uint8Array): TrustPack {
  const document = parseJsonBytes(bytes, 'trust pack', limits.trustPackBytes);
  const pack = parseWith(trustPackSchema, document, 'trust-pack.field', 'trust pack');
  return Object.freeze({
    name: pack.name,
    version: pack.version,
    issuedAt: pack.issuedAt,
    expiresAt: pack.expiresAt,
    trustedRoots: pack.trustedRoots.map((json) => ({
      sha256: trustedRootDigest(json as Json),
      json: json as Json,
    })),
    publicKeys: pack.publicKeys.map((pem, at) => within(`publicKeys[${at}]`, () => parsePackedKey(pem))),
    bundles: pack.bundles as readonly Json[],
    revocations: pack.revocations as readonly Json[],
    sha256: Digest.of('sha256', bytes).hex,
  });
}

/** What a trust pack is made of. Keys are PEM; all else are parsed documents. */
export type TrustPackContent = {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly trustedRoots: readonly Json[];
  readonly publicKeys: readonly string[];
  readonly bundles: readonly Json[];
  readonly revocations: readonly Json[];
};

/** What a pack that was read is made of. */
export function listPackContent(pack: TrustPack): TrustPackContent {
  const { name, version, issuedAt, expiresAt, bundles, revocations } = pack;
  return {
    name,
    version,
    issuedAt,
    expiresAt,
    trustedRoots: pack.trustedRoots.map(({ json }) => json),
    publicKeys: pack.publicKeys.map(({ key }) => key.export({ type: 'spki', format: 'pem' }).toString()),
    bundles,
    revocations,
  };
}

/** Writes a trust pack that parseTrustPack reads; members in the order given. Faults: trust-pack.*, limit.json. */
export function encodeTrustPack(content: TrustPackContent): Buffer {
  const bytes = renderPack(content);
  parseTrustPack(bytes);
  return bytes;
}

/** The bytes of a pack, whatever they are worth. */
export function renderPack(content: TrustPackContent): Buffer {
  const { name, version, issuedAt, expiresAt, trustedRoots, publicKeys, bundles, revocations } = content;
  const document = {
    mediaType: trustPackMediaType,
    name,
    version,
    issuedAt,
    expiresAt,
    trustedRoots,
    publicKeys,
    bundles,
    revocations,
  };
  return Buffer.from(`${JSON.stringify(document, null, 1)}\n`);
}

/** A key of a pack comes from the other side: its faults are not the user's configuration. */
function parsePackedKey(pem: string) {
  try {
    return parsePublicKey(pem);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('trust-pack.key', error.message, { cause: error });
  }
}
