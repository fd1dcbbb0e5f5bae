import { createHash, createVerify, type KeyObject, verify } from 'node:crypto';
import { Digest, Fault } from '../core/index.ts';
import { encodePreAuthentication } from '../formats/dsse/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';

/** The bytes of an artifact, whole or in chunks that are walked once. */
export type ArtifactBytes = Uint8Array | Iterable<Uint8Array>;

/**
 * Which of these keys made the bundle's signature; null where none did. The artifact is walked once, however large.
 * Digests: SHA-256 for EC and RSA envelopes, also with P-384; the digest that a message signature names.
 * Faults: bundle.artifact, signature.artifact.
 */
export function findSigningKey(
  bundle: SigstoreBundle,
  keys: readonly KeyObject[],
  artifact: ArtifactBytes | null,
): KeyObject | null {
  if (bundle.content.kind === 'message') return findMessageKey(bundle.content, keys, artifact);
  const { envelope } = bundle.content;
  const signed = encodePreAuthentication(envelope.payloadType, envelope.payload);
  return keys.find((key) => isSignedBy(key, signed, envelope.signature)) ?? null;
}

function isSignedBy(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(isEdwards(key) ? null : 'sha256', signed, key, signature);
  } catch {
    return false; // a signature that is none for this kind of key
  }
}

type Message = Extract<SigstoreBundle['content'], { kind: 'message' }>;

function findMessageKey(
  message: Message,
  keys: readonly KeyObject[],
  artifact: ArtifactBytes | null,
): KeyObject | null {
  if (artifact === null) {
    throw new Fault('bundle.artifact', 'Cannot verify a message signature from a digest: want the artifact’s bytes', {
      next: 'Sign an in-toto statement instead: it names the digest, so that the bytes are not needed',
    });
  }
  const streaming = keys
    .filter((key) => !isEdwards(key))
    .map((key) => ({ key, state: createVerify(message.digest.algorithm) }));
  const edwards = keys.filter(isEdwards);
  const state = createHash(message.digest.algorithm);
  const kept: Uint8Array[] = [];
  for (const chunk of chunksOf(artifact)) {
    state.update(chunk);
    for (const attempt of streaming) attempt.state.update(chunk);
    if (edwards.length > 0) keep(kept, chunk);
  }
  const actual = Digest.fromBytes(message.digest.algorithm, state.digest());
  if (!Digest.equals(actual, message.digest)) {
    throw new Fault(
      'signature.artifact',
      `Cannot verify: the artifact is ${Digest.format(actual)}, want ${Digest.format(message.digest)}`,
    );
  }
  const found = streaming.find((attempt) => finishes(attempt.state, attempt.key, message.signature));
  if (found !== undefined) return found.key;
  return edwards.find((key) => isSignedBy(key, Buffer.concat(kept), message.signature)) ?? null;
}

function chunksOf(artifact: ArtifactBytes): Iterable<Uint8Array> {
  return artifact instanceof Uint8Array ? [artifact] : artifact;
}

function finishes(state: ReturnType<typeof createVerify>, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return state.verify(key, signature);
  } catch {
    return false;
  }
}

/** Ed25519 signs the whole message, which has to be in memory at once. */
const edwardsBytes = 256 * 1024 * 1024;

function keep(kept: Uint8Array[], chunk: Uint8Array): void {
  const total = kept.reduce((sum, part) => sum + part.byteLength, chunk.byteLength);
  if (total > edwardsBytes) {
    throw new Fault(
      'bundle.artifact',
      `Cannot verify an Ed25519 message signature over more than ${edwardsBytes} bytes`,
    );
  }
  kept.push(Buffer.from(chunk));
}

function isEdwards(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519';
}
