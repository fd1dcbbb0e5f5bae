import { RFC3161Timestamp } from '@sigstore/core';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { type BundleJson, loadVector, parseJsonOf } from './vectors.ts';

type Holder = { readonly object: Record<string, string>; readonly field: string };

function holder(object: object, field: string): Holder {
  return { object: object as Record<string, string>, field };
}

/** The places of a bundle that hold signed bytes in base64. */
function signedPlaces(bundle: BundleJson): Record<string, Holder> {
  const material = bundle.verificationMaterial;
  const [entry] = material.tlogEntries ?? [];
  const places: Record<string, Holder> = {
    payload: holder(bundle.dsseEnvelope, 'payload'),
    signature: holder(bundle.dsseEnvelope.signatures[0]!, 'sig'),
  };
  if (material.certificate !== undefined) places['certificate'] = holder(material.certificate, 'rawBytes');
  if (entry !== undefined) {
    places['log entry'] = holder(entry, 'canonicalizedBody');
    places['log id'] = holder(entry.logId, 'keyId');
    places['root hash'] = holder(entry.inclusionProof, 'rootHash');
    if (entry.inclusionPromise !== undefined) {
      places['promise'] = holder(entry.inclusionPromise, 'signedEntryTimestamp');
    }
    for (const at of (entry.inclusionProof.hashes ?? []).keys()) {
      places[`proof hash ${at}`] = {
        object: entry.inclusionProof.hashes as unknown as Holder['object'],
        field: String(at),
      };
    }
  }
  return places;
}

/** Flips one bit in each byte, every bit in turn; returns the places whose flip was still accepted. */
function acceptedFlips(
  bytes: Buffer,
  verify: (changed: Buffer) => void,
  isSkipped?: (at: number) => boolean,
): number[] {
  const survivors: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (isSkipped?.(at) === true) continue;
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    try {
      verify(changed);
      survivors.push(at);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
  return survivors;
}

/** Tests that flipping any byte of what is signed in this bundle makes it be refused. */
export function describeFlips(name: string): void {
  const { bundle, anchors } = loadVector(name);
  const verify = (json: object) => verifyStatement(Buffer.from(JSON.stringify(json)), anchors);
  const material = parseJsonOf(bundle).verificationMaterial;

  describe(`every byte of ${name}`, () => {
    test.each(Object.keys(signedPlaces(parseJsonOf(bundle))))('counts in its %s', { timeout: 120_000 }, (place) => {
      const json = parseJsonOf(bundle);
      const { object, field } = signedPlaces(json)[place]!;
      const bytes = Buffer.from(object[field]!, 'base64');
      const survivors = acceptedFlips(bytes, (changed) => {
        object[field] = changed.toString('base64');
        verify(json);
      });
      expect(survivors).toEqual([]);
    });

    const hasEntry = material.tlogEntries !== undefined;
    if (hasEntry)
      test('counts in its checkpoint', { timeout: 120_000 }, () => {
        const json = parseJsonOf(bundle);
        const { checkpoint } = json.verificationMaterial.tlogEntries![0]!.inclusionProof;
        const survivors = acceptedFlips(Buffer.from(checkpoint.envelope), (changed) => {
          checkpoint.envelope = changed.toString();
          verify(json);
        });
        expect(survivors).toEqual([]);
      });

    const hasTimestamp = material.timestampVerificationData?.rfc3161Timestamps !== undefined;
    if (hasTimestamp)
      test('counts in what its timestamp authority signed', { timeout: 120_000 }, () => {
        const json = parseJsonOf(bundle);
        const timestamp = json.verificationMaterial.timestampVerificationData!.rfc3161Timestamps![0]!;
        const der = Buffer.from(timestamp.signedTimestamp, 'base64');
        const signed = signedRanges(der);
        const survivors = acceptedFlips(
          der,
          (changed) => {
            timestamp.signedTimestamp = changed.toString('base64');
            verify(json);
          },
          (at) => !signed.some(({ start, end }) => at >= start && at < end),
        );
        expect(survivors).toEqual([]);
      });

    test('changes nothing that is verified, where it is not signed', { timeout: 120_000 }, () => {
      const { bundleSha256: _, ...want } = verifyStatement(bundle, anchors);
      const long = longTexts(bundle.toString());
      const survivors = acceptedFlips(
        bundle,
        (changed) => {
          const { bundleSha256: __, ...facts } = verifyStatement(changed, anchors);
          expect(facts).toEqual(want);
        },
        (at) => long.some(({ start, end }) => at >= start && at < end),
      );
      // Nobody signs a hint, and nobody believes it.
      for (const at of survivors) expect(bundle.subarray(0, at).toString()).toMatch(/"(?:hint|keyid)":"[^"]*$/);
    });
  });
}

/** RFC 3161: the TSTInfo, and the signed attributes that hold its digest; RFC 5652 §5.4. And the signature over them. */
function signedRanges(der: Buffer): readonly { start: number; end: number }[] {
  const timestamp = RFC3161Timestamp.parse(Buffer.from(der));
  const attributes = (timestamp as unknown as { signedAttrsObj: { toDER(): Buffer } }).signedAttrsObj.toDER();
  return [timestamp.tstInfo.raw, attributes, timestamp.signatureValue].map((part) => {
    const start = der.indexOf(part);
    if (start < 0) throw new Error('a signed part is not in the timestamp');
    return { start, end: start + part.length };
  });
}

/** The long base64 texts of a bundle, whose bytes have tests of their own. */
function longTexts(json: string): readonly { start: number; end: number }[] {
  return [...json.matchAll(/"([^"]{100,})"/g)].map((match) => ({
    start: match.index + 1,
    end: match.index + 1 + (match[1] ?? '').length,
  }));
}
