import * as z from 'zod/mini';
import { Fault, limits } from '../../core/index.ts';
import { decodeBase64, parseJsonBytes } from '../json/index.ts';
import { parseWith, sha256Hex } from '../schema/index.ts';

/** What the signature partition of a discoverable disk image says (UAPI.2, "verity signature partition"). Not yet verified. */
export type VeritySignature = {
  /** The root hash that is signed: 64 lower-case hexadecimal digits. */
  readonly rootHash: string;
  /** SHA-256 of the signer's certificate in DER. */
  readonly certificateFingerprint: string;
  /** PKCS#7 SignedData in DER, detached. */
  readonly signature: Uint8Array;
};

const schema = z.strictObject({
  rootHash: sha256Hex,
  certificateFingerprint: sha256Hex,
  signature: z.string(),
});

/**
 * Reads the content of a `*-verity-sig` partition: a JSON object, then zeros to the partition's end.
 * Faults: verity-signature.padding, verity-signature.form, limit.json, json.*, base64.form, bytes.utf8.
 */
export function parseVeritySignature(bytes: Uint8Array): VeritySignature {
  const zero = bytes.indexOf(0);
  const end = zero < 0 ? bytes.length : zero;
  const stray = bytes.subarray(end).findIndex((byte) => byte !== 0);
  if (stray >= 0)
    throw new Fault('verity-signature.padding', 'Cannot read verity signature: its padding is not all zeros', {
      where: `verity signature at byte ${end + stray}`,
    });
  const value = parseJsonBytes(bytes.subarray(0, end), 'verity signature', limits.veritySignatureBytes);
  const { rootHash, certificateFingerprint, signature } = parseWith(
    schema,
    value,
    'verity-signature.form',
    'verity signature',
  );
  return { rootHash, certificateFingerprint, signature: decodeBase64(signature, 'verity signature') };
}
