import { bundleToJSON, toDSSEBundle } from '@sigstore/bundle';
import { Fault, limits } from '../../core/index.ts';
import { encodePreAuthentication } from '../../formats/dsse/index.ts';
import { parseBundle } from '../../formats/sigstore-bundle/index.ts';
import type { Signature, Witness } from './signature.ts';

/**
 * Signs a statement and encodes the bundle (sigstore_bundle.proto, v0.3): one certificate or a key's hint, never a chain.
 * Witnesses are asked at once, after the signature.
 *
 * @param keyHint what a verifier looks the key up by, where no certificate brings it
 */
export async function signBundle(
  statement: Uint8Array,
  payloadType: string,
  keyHint: string | undefined,
  sign: (bytes: Buffer) => Signature | Promise<Signature>,
  witnesses: readonly Witness[],
): Promise<Uint8Array> {
  if (statement.byteLength > limits.statementBytes)
    throw new Fault(
      'limit.statement',
      `Cannot sign the statement: ${statement.byteLength} bytes, want at most ${limits.statementBytes}`,
    );
  const payload = Buffer.from(statement.buffer, statement.byteOffset, statement.byteLength);
  const signature = await sign(encodePreAuthentication(payloadType, payload));
  const { kind, der } = signature.verifier;
  const bundle = toDSSEBundle({
    artifact: payload,
    artifactType: payloadType,
    signature: signature.bytes,
    certificateChain: false,
    ...(kind === 'x509Certificate' ? { certificate: der } : {}),
    ...(keyHint === undefined ? {} : { keyHint }),
  });
  // The library repeats the hint as the signature's keyid, which nobody signs; cosign then looks for a key of that name.
  for (const each of bundle.content.dsseEnvelope.signatures) each.keyid = '';
  const signed = { payloadType, payload, signature, content: bundle.content };
  const testimonies = await Promise.all(witnesses.map((witness) => witness.testify(signed)));
  Object.assign(bundle.verificationMaterial, {
    tlogEntries: testimonies.flatMap(({ tlogEntries = [] }) => tlogEntries),
    timestampVerificationData: {
      rfc3161Timestamps: testimonies.flatMap(({ rfc3161Timestamps = [] }) => rfc3161Timestamps),
    },
  });
  const bytes = Buffer.from(JSON.stringify(bundleToJSON(bundle)));
  checkReadable(bytes);
  return bytes;
}

/** What our own reader refuses is not handed out: a service's part in it is wrong in a way that its witness did not see. */
function checkReadable(bytes: Uint8Array): void {
  try {
    parseBundle(bytes);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('signing.answer', `Cannot use the answers of the signing services: ${error.message}`);
  }
}
