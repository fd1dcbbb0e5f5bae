import { type CallOptions, callService, describeAnswer, libraryOptions } from './service-call.ts';
import type { Witness } from './signature.ts';

/** A timestamp of the signature's bytes (RFC 3161). */
export function openTimestampAuthority(url: string, options: CallOptions): Witness {
  const service = { name: 'the timestamp authority', url };
  return {
    testify: async ({ content, signature }) => {
      const { rfc3161Timestamps } = await callService(service, [], async () => {
        const { TSAWitness } = await import('./library.ts');
        return new TSAWitness({ tsaBaseURL: url, ...libraryOptions(options) }).testify(content);
      });
      const timestamps = rfc3161Timestamps ?? [];
      for (const { signedTimestamp } of timestamps) {
        if (!(await covers(signedTimestamp, signature.bytes)))
          throw describeAnswer(service, 'it is not a timestamp of our signature');
      }
      return { rfc3161Timestamps: timestamps };
    },
  };
}

/** Reads the timestamp as a verifier will: one that no verifier can read would make the bundle worthless. */
async function covers(timestamp: Uint8Array, signature: Buffer): Promise<boolean> {
  const { RFC3161Timestamp } = await import('./library.ts');
  try {
    const parsed = RFC3161Timestamp.parse(Buffer.from(timestamp));
    if (Number.isNaN(parsed.signingTime.getTime())) return false;
    parsed.tstInfo.verify(signature);
    return true;
  } catch {
    return false;
  }
}
