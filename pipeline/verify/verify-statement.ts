import { Digest, Fault, type Json } from '../core/index.ts';
import { inTotoPayloadType } from '../formats/dsse/index.ts';
import { quoteText } from '../formats/json/index.ts';
import { isParsedBundle, parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { parseStatement, type Statement } from '../formats/statement/index.ts';
import type { Anchors } from '../trust/index.ts';
import type { Signer } from './signer.ts';
import { markVerified, type Verified } from './verified.ts';
import { verifySigner } from './verify-signer.ts';

/** A statement, who signed it and when. What it is about and whether that signer may say it is judged after. */
export type VerifiedStatement = {
  readonly statement: Verified<Statement>;
  readonly predicateType: string;
  readonly signer: Verified<Signer>;
  /** SHA-256 of the payload's bytes: the statement's name in a node set. */
  readonly payloadSha256: string;
  /** SHA-256 of the bundle's bytes. */
  readonly bundleSha256: string;
};

/** A bundle as bytes, as a part of a trust pack, or as parseBundle returned it. */
export type BundleInput = Uint8Array | Json | SigstoreBundle;

/** The parsed bundle. An object that only looks like one is read as JSON, and refused. */
export function bundleOf(input: BundleInput): SigstoreBundle {
  return isParsedBundle(input) ? input : parseBundle(input);
}

/**
 * Verifies a bundle that holds an in-toto statement:
 *   1. parse the bundle strictly,
 *   2. verify its cryptography under the anchors (signature, certificate, log entries, timestamps),
 *   3. read the signer's exact identity from what was verified,
 *   4. read the statement.
 * The fifth step is the policy's: judgeSigner, judgePredicateType, judgeSubject and the rules.
 *
 * Faults: bundle.*, certificate.*, signature.*, statement.*, dsse.*, json.*, base64.*, bytes.utf8, limit.json.
 */
export function verifyStatement(input: BundleInput, anchors: Anchors): Verified<VerifiedStatement> {
  const bundle = bundleOf(input);
  const payload = payloadOf(bundle);
  const signer = verifySigner(bundle, anchors, null);
  const statement = markVerified(parseStatement(payload));
  return markVerified({
    statement,
    predicateType: statement.predicateType,
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
    `Cannot read a statement: payload type ${quoteText(payloadType)}, want ${inTotoPayloadType}`,
    { where: 'dsseEnvelope.payloadType' },
  );
}
