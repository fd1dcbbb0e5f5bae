import { Fault } from '../../core/index.ts';

/**
 * Decodes base64 (RFC 4648 §4) that must be in its one canonical form: standard alphabet, padded, no white space, no spare
 * bits. Two texts that decode alike would let an unsigned part of a document change under a reader. Faults: base64.form.
 */
export function decodeBase64(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) {
    throw new Fault('base64.form', `Cannot read ${what}: not base64 in its canonical form (RFC 4648 §4)`);
  }
  return bytes;
}
