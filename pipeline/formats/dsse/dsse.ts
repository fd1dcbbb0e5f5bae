import * as z from 'zod/mini';
import { limits } from '../../core/index.ts';
import { decodeBase64 } from '../json/index.ts';
import { parseWith } from '../schema/index.ts';

/** A DSSE envelope (secure-systems-lab/dsse, envelope.md) with its one signature. */
export type Envelope = {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** A hint that nobody signed: never decides anything. */
  readonly keyId: string | null;
};

/** An in-toto statement as payload (in-toto attestation framework v1, envelope.md). */
export const inTotoPayloadType = 'application/vnd.in-toto+json';

/** Characters that the base64 of the largest payload has. */
const payloadCharacters = Math.ceil(limits.statementBytes / 3) * 4;

const smallBase64 = z.string().check(z.minLength(1), z.maxLength(limits.bundlePartBytes));

/**
 * A Sigstore bundle "MUST contain only one signature" (sigstore_bundle.proto): a second one would be signed data that
 * nobody looks at. Fields that envelope.md does not name are refused for the same reason.
 */
export const envelopeSchema = z.strictObject({
  payload: z.string().check(z.maxLength(payloadCharacters)),
  payloadType: z.string().check(z.minLength(1), z.maxLength(256)),
  signatures: z
    .array(z.strictObject({ sig: smallBase64, keyid: z.optional(z.string().check(z.maxLength(1024))) }))
    .check(z.minLength(1), z.maxLength(1)),
});

/** Reads an envelope from JSON. Faults: dsse.envelope, base64.form. */
export function parseEnvelope(value: unknown): Envelope {
  const envelope = parseWith(envelopeSchema, value, 'dsse.envelope', 'DSSE envelope');
  const [signature] = envelope.signatures;
  return Object.freeze({
    payloadType: envelope.payloadType,
    payload: decodeBase64(envelope.payload, 'the DSSE payload'),
    signature: decodeBase64(signature?.sig ?? '', 'the DSSE signature'),
    keyId: signature?.keyid ?? null,
  });
}

/** The bytes that are signed: the pre-authentication encoding (protocol.md), which binds the payload's type to it. */
export function encodePreAuthentication(payloadType: string, payload: Uint8Array): Buffer {
  const header = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(header), payload]);
}
