import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { canonicalText, type Json } from '../../../pipeline/core/index.ts';
import { generateP256, type KeyPair, sha256, spkiOf } from './certificate.ts';
import { MerkleTree } from './merkle-tree.ts';
import { type Answer, jsonAnswer, refusal } from './server.ts';

export type Log = KeyPair & {
  readonly name: string;
  /** The first line of its checkpoints. */
  readonly origin: string;
  readonly keyId: Buffer;
  readonly tree: MerkleTree;
};

/**
 * Rekor v1 signs with P-256, its log id is the digest of the key (RFC 6962 §3.2). Its origin names the tree, by which
 * verifiers tell the two versions apart.
 */
export function createLogV1(name: string): Log {
  const keys = generateP256();
  return {
    ...keys,
    name,
    origin: `${name} - 1193050959916656506`,
    keyId: sha256(spkiOf(keys.publicKey)),
    tree: new MerkleTree(),
  };
}

/** Rekor v2 signs with Ed25519, its log id is the note's key id (C2SP signed-note): name, newline, algorithm, key. */
export function createLogV2(name: string): Log {
  const keys = generateKeyPairSync('ed25519');
  const raw = spkiOf(keys.publicKey).subarray(-32);
  return { ...keys, name, origin: name, keyId: sha256(`${name}\n`, Buffer.from([1]), raw), tree: new MerkleTree() };
}

function append(log: Log, body: Buffer, rest: string): { index: number; checkpoint: string } {
  log.tree.append(body);
  const note = `${log.origin}\n${log.tree.size}\n${base64(log.tree.root())}\n${rest}`;
  const algorithm = log.publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = Buffer.concat([log.keyId.subarray(0, 4), sign(algorithm, Buffer.from(note), log.privateKey)]);
  return { index: log.tree.size - 1, checkpoint: `${note}\n\u2014 ${log.name} ${base64(signature)}\n` };
}

type EnvelopeJson = {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
};
type ProposedDsse = {
  readonly kind: string;
  readonly spec: { readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly [string] } };
};

/** `POST /api/v1/log/entries` for the kind `dsse`, as Rekor v1 canonicalizes it: the payload is replaced by its hash. */
export function answerEntryV1(log: Log, body: Buffer, at: Date): Answer {
  const proposed = JSON.parse(body.toString()) as ProposedDsse;
  if (proposed.kind !== 'dsse') return refusal(400, `unsupported kind ${proposed.kind}`);
  const { envelope: text, verifiers } = proposed.spec.proposedContent;
  const envelope = JSON.parse(text) as EnvelopeJson;
  const [verifier] = verifiers;
  const key = keyOf(Buffer.from(verifier, 'base64').toString());
  const [signature] = envelope.signatures;
  if (signature === undefined || !verifies(envelope, Buffer.from(signature.sig, 'base64'), key))
    return refusal(400, 'could not verify envelope');
  const hex = (bytes: Uint8Array | string) => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') });
  return jsonAnswer(
    201,
    appendV1(log, at, {
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        envelopeHash: hex(text),
        payloadHash: hex(Buffer.from(envelope.payload, 'base64')),
        signatures: [{ signature: signature.sig, verifier }],
      },
    }),
  );
}

function appendV1(log: Log, at: Date, entry: Json): object {
  const body = Buffer.from(canonicalText(entry));
  const integratedTime = Math.floor(at.getTime() / 1000);
  const { index, checkpoint } = append(log, body, `Timestamp: ${integratedTime}000000000\n`);
  const logID = log.keyId.toString('hex');
  const promised = canonicalText({ body: base64(body), integratedTime, logIndex: index, logID });
  return {
    [`${randomUUID()}${randomUUID()}`.replaceAll('-', '')]: {
      body: base64(body),
      integratedTime,
      logID,
      logIndex: index,
      verification: {
        inclusionProof: {
          logIndex: index,
          treeSize: log.tree.size,
          rootHash: log.tree.root().toString('hex'),
          hashes: log.tree.pathOfLast().map((hash) => hash.toString('hex')),
          checkpoint,
        },
        signedEntryTimestamp: base64(sign('sha256', Buffer.from(promised), log.privateKey)),
      },
    },
  };
}

type HashedRekordRequest = {
  readonly hashedRekordRequestV002?: {
    readonly digest: string;
    readonly signature: { readonly content: string; readonly verifier: Verifier };
  };
};
type Verifier = {
  readonly keyDetails: string;
  readonly x509Certificate?: { readonly rawBytes: string };
  readonly publicKey?: { readonly rawBytes: string };
};

/** `POST /api/v2/log/entries` as rekor-tiles 2.3 answers it: hashedrekord only, no signed entry timestamp, no time. */
export function answerEntryV2(log: Log, body: Buffer): Answer {
  const request = (JSON.parse(body.toString()) as HashedRekordRequest).hashedRekordRequestV002;
  if (request === undefined) return refusal(400, 'invalid type, must be hashedrekord');
  const { content, verifier } = request.signature;
  const problem = problemOf(verifier);
  if (problem !== undefined) return refusal(400, problem);
  const entry = Buffer.from(
    canonicalText({
      apiVersion: '0.0.2',
      kind: 'hashedrekord',
      spec: {
        hashedRekordV002: { data: { algorithm: 'SHA2_256', digest: request.digest }, signature: { content, verifier } },
      },
    }),
  );
  const { index, checkpoint } = append(log, entry, '');
  return jsonAnswer(201, {
    logIndex: String(index),
    logId: { keyId: base64(log.keyId) },
    kindVersion: { kind: 'hashedrekord', version: '0.0.2' },
    integratedTime: '0',
    inclusionPromise: null,
    inclusionProof: {
      logIndex: String(index),
      treeSize: String(log.tree.size),
      rootHash: base64(log.tree.root()),
      hashes: log.tree.pathOfLast().map(base64),
      checkpoint: { envelope: checkpoint },
    },
    canonicalizedBody: base64(entry),
  });
}

/** The verifier must be a key or a certificate whose key is what its details say; SHA-256 alone fits the request's digest. */
function problemOf(verifier: Verifier): string | undefined {
  const { x509Certificate, publicKey } = verifier;
  if ((x509Certificate === undefined) === (publicKey === undefined)) return 'want one of x509Certificate and publicKey';
  const key =
    x509Certificate === undefined
      ? createPublicKey({ key: Buffer.from(publicKey?.rawBytes ?? '', 'base64'), format: 'der', type: 'spki' })
      : new X509Certificate(Buffer.from(x509Certificate.rawBytes, 'base64')).publicKey;
  return detailsOf(key) === verifier.keyDetails ? undefined : `unsupported key details ${verifier.keyDetails}`;
}

function detailsOf(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'PKIX_ECDSA_P256_SHA_256';
  if (key.asymmetricKeyType === 'rsa') return `PKIX_RSA_PKCS1V15_${modulusLength}_SHA256`;
  return undefined;
}

function keyOf(pem: string): KeyObject {
  return pem.includes('CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
}

function verifies(envelope: EnvelopeJson, signature: Buffer, key: KeyObject): boolean {
  const payload = Buffer.from(envelope.payload, 'base64');
  const head = `DSSEv1 ${Buffer.byteLength(envelope.payloadType)} ${envelope.payloadType} ${payload.length} `;
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(algorithm, Buffer.concat([Buffer.from(head), payload]), key, signature);
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
