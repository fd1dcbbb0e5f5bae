import { Digest, Fault, type Json } from '../core/index.ts';
import { inTotoPayloadType } from '../formats/dsse/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { parseStatement, type Statement } from '../formats/statement/index.ts';
import type { Anchors } from '../trust/index.ts';
import type { Signer } from './signer.ts';
import { markVerified, type Verified } from './verified.ts';
import { verifySigner } from './verify-signer.ts';

/** A statement, who signed it and when. What it is about and whether that signer may say it is judged after. */
export type VerifiedStatement = {
  readonly statement: Verified<Statement>;
  readonly signer: Verified<Signer>;
  /** SHA-256 of the payload's bytes: the statement's name in a node set. */
  readonly payloadSha256: string;
  /** SHA-256 of the bundle's bytes. */
  readonly bundleSha256: string;
};

/**
 * Verifies a bundle that holds an in-toto statement:
 *   1. parse the bundle strictly,
 *   2. verify its cryptography under the anchors (signature, certificate, log entries, timestamps),
 *   3. read the signer's exact identity from what was verified,
 *   4. read the statement.
 * The fifth step is the policy's: judgeSigner, judgePredicateType, judgeSubject and the rules.
 *
 * @param input the bundle's bytes, or a bundle out of a trust pack
 * Faults: bundle.*, certificate.*, signature.*, statement.*, dsse.*, json.*, base64.*, bytes.utf8, limit.json.
 */
export function verifyStatement(input: Uint8Array | Json, anchors: Anchors): Verified<VerifiedStatement> {
  const bundle = parseBundle(input);
  const payload = payloadOf(bundle);
  const signer = verifySigner(bundle, anchors, null);
  const statement = markVerified(parseStatement(payload));
  return markVerified({
    statement,
    signer,
    payloadSha256: Digest.of('sha256', payload).hex,
    bundleSha256: bundle.sha256,
  });
}

/** Another payload type is another language: the signature covers the type (DSSE protocol), nobody may reread it as ours. */
export function payloadOf(bundle: SigstoreBundle): Buffer {
  if (bundle.content.kind === 'message') {
    throw new Fault(
      'bundle.content',
      'Cannot read a statement: the bundle holds a message signature, want a DSSE envelope',
    );
  }
  const { payloadType, payload } = bundle.content.envelope;
  if (payloadType === inTotoPayloadType) return payload;
  throw new Fault(
    'statement.payload-type',
    `Cannot read a statement: payload type ${JSON.stringify(payloadType.slice(0, 120))}, want ${inTotoPayloadType}`,
    { where: 'dsseEnvelope.payloadType' },
  );
}
