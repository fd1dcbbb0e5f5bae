import type { TransparencyLogEntry } from '@sigstore/bundle';
import * as z from 'zod/mini';
import type { LogService } from '../../attest/signing/index.ts';
import { Digest, Fault } from '../../core/index.ts';
import { encodePreAuthentication } from '../../formats/dsse/index.ts';
import { requestJson } from './json-request.ts';
import {
  type CallOptions,
  callService,
  describeAnswer,
  libraryOptions,
  type Service,
  trimSlash,
} from './service-call.ts';
import type { SignedEnvelope, Witness } from './signature.ts';

export function openLog(log: LogService, options: CallOptions): Witness {
  return log.majorApiVersion === 2 ? openRekorV2(log.url, options) : openRekorV1(log.url, options);
}

/** Rekor v1: an entry of kind `dsse`, with the log's promise (SET), which tells the time. */
function openRekorV1(baseUrl: string, options: CallOptions): Witness {
  const service = { name: 'the Rekor v1 log', url: baseUrl };
  return {
    testify: async ({ content, signature }) => {
      const entries = await callService(service, [], async () => {
        const { RekorWitness } = await import('./library.ts');
        const witness = new RekorWitness({ rekorBaseURL: trimSlash(baseUrl), ...libraryOptions(options) });
        return (await witness.testify(content, signature.verifier.pem)).tlogEntries;
      });
      for (const entry of entries) checkEntryV1(service, entry, signature.bytes);
      return { tlogEntries: entries };
    },
  };
}

const bodyV1 = z.object({
  kind: z.literal('dsse'),
  spec: z.object({ signatures: z.tuple([z.object({ signature: z.string() })]) }),
});

function checkEntryV1(service: Service, entry: TransparencyLogEntry, signature: Buffer): void {
  const body = bodyV1.safeParse(parseBody(entry));
  if (!body.success || body.data.spec.signatures[0].signature !== signature.toString('base64'))
    throw describeAnswer(service, 'the entry is not of our signature');
  if (entry.inclusionPromise === undefined || entry.inclusionProof?.checkpoint === undefined)
    throw describeAnswer(service, 'the entry has no promise or no proof');
}

/**
 * Rekor v2 (rekor-tiles 2.3 and later): `hashedrekord` is the only kind it takes, of the digest that is signed, which is
 * the pre-authentication encoding's (sigstore/architecture-docs, client specification; CLIENTS.md of rekor-tiles). The
 * library sends the kind `dsse`, which is refused, and knows no keys without a certificate.
 */
function openRekorV2(baseUrl: string, options: CallOptions): Witness {
  const service = { name: 'the Rekor v2 log', url: `${trimSlash(baseUrl)}/api/v2/log/entries` };
  const patient = { ...options, timeoutMs: Math.max(options.timeoutMs, checkpointMs) };
  return {
    testify: async (signed) => {
      const request = encodeRequest(signed);
      const answer = await requestJson(
        service,
        { method: 'POST', body: { hashedRekordRequestV002: request }, secrets: [] },
        patient,
      );
      return { tlogEntries: [await parseEntry(service, answer, request)] };
    },
  };
}

/** An entry is answered when a checkpoint covers it, so CLIENTS.md asks for at least this patience. */
const checkpointMs = 20_000;

type HashedRekordRequest = {
  readonly digest: string;
  readonly signature: {
    readonly content: string;
    readonly verifier: { readonly [key: string]: string | { readonly rawBytes: string } };
  };
};

function encodeRequest({ payloadType, payload, signature }: SignedEnvelope): HashedRekordRequest {
  const { verifier, bytes } = signature;
  if (verifier.rekorV2Details === undefined) throw refuseRekorV2Key();
  const digest = Digest.of('sha256', encodePreAuthentication(payloadType, payload));
  return {
    digest: Buffer.from(digest.hex, 'hex').toString('base64'),
    signature: {
      content: bytes.toString('base64'),
      verifier: { [verifier.kind]: { rawBytes: verifier.der.toString('base64') }, keyDetails: verifier.rekorV2Details },
    },
  };
}

export function refuseRekorV2Key(): Fault {
  return new Fault(
    'key.rekor-v2',
    'Cannot sign with this key and a Rekor v2 log: want P-256, or RSA of 2048, 3072 or 4096 bits',
    { next: 'use such a key, a Rekor v1 log, or no log' },
  );
}

const text = z.string().check(z.minLength(1));
const entrySchema = z.object({
  logIndex: text,
  logId: z.object({ keyId: text }),
  kindVersion: z.object({ kind: z.literal('hashedrekord'), version: z.literal('0.0.2') }),
  inclusionProof: z.object({ rootHash: text, treeSize: text, checkpoint: z.object({ envelope: text }) }),
  canonicalizedBody: text,
});
const bodyV2 = z.object({
  spec: z.object({
    hashedRekordV002: z.object({
      data: z.object({ digest: z.string() }),
      signature: z.object({ content: z.string() }),
    }),
  }),
});

async function parseEntry(
  service: Service,
  answer: unknown,
  request: HashedRekordRequest,
): Promise<TransparencyLogEntry> {
  if (!entrySchema.safeParse(answer).success) throw describeAnswer(service, 'it is not an entry with a proof');
  const entry = await callService(service, [], async () => {
    const { TransparencyLogEntry } = await import('./library.ts');
    return TransparencyLogEntry.fromJSON(answer) as TransparencyLogEntry;
  });
  const body = bodyV2.safeParse(parseBody(entry));
  const logged = body.success ? body.data.spec.hashedRekordV002 : undefined;
  if (logged?.data.digest !== request.digest || logged.signature.content !== request.signature.content)
    throw describeAnswer(service, 'the entry is not of our signature');
  return entry;
}

function parseBody(entry: TransparencyLogEntry): unknown {
  try {
    return JSON.parse(entry.canonicalizedBody.toString());
  } catch {
    return undefined;
  }
}
