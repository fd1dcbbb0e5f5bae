import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { type Bent, faultOf, loadVectors, parseJsonOf } from './vectors.ts';

const vectors = loadVectors().filter((vector) => vector.signer !== undefined);

/**
 * Runs a verification that may only refuse; what it lets pass says the same as the untouched bundle, or less: a key signs
 * without a time too, so that a timestamp can be taken from its bundle, and the policy has no time to go by.
 */
function refusesOrAgrees(bytes: Uint8Array, vector: (typeof vectors)[number]): void {
  try {
    const { bundleSha256: _, signer, ...facts } = verifyStatement(bytes, vector.anchors);
    const { bundleSha256: __, signer: wantedSigner, ...want } = verifyStatement(vector.bundle, vector.anchors);
    expect(facts).toEqual(want);
    expect({ ...signer, signedAt: [], timeRoot: null }).toEqual({ ...wantedSigner, signedAt: [], timeRoot: null });
    if (signer.kind === 'key' && wantedSigner.kind === 'key') {
      expect(signer.signedAt.length > 0 ? [wantedSigner.timeRoot] : [wantedSigner.timeRoot, null]).toContain(
        signer.timeRoot,
      );
    }
    expect(wantedSigner.signedAt).toEqual(expect.arrayContaining([...signer.signedAt]));
    if (signer.kind === 'certificate') expect(signer.signedAt).toEqual(wantedSigner.signedAt);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error.message).toMatch(/^Cannot [^\p{Cc}]{1,600}$/u);
  }
}

describe('a hostile bundle', () => {
  test('of any bytes is refused', () => {
    const [vector] = vectors;
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => refusesOrAgrees(bytes, vector!)));
    fc.assert(fc.property(fc.json(), (text) => refusesOrAgrees(Buffer.from(text), vector!)));
  });

  test('cut, flipped or doubled somewhere is refused, or says the same', () => {
    const change = fc.record({
      vector: fc.constantFrom(...vectors),
      at: fc.nat(),
      length: fc.integer({ min: 1, max: 40 }),
      kind: fc.constantFrom('cut', 'flip', 'double', 'truncate'),
    });
    fc.assert(
      fc.property(change, ({ vector, at, length, kind }) => {
        const { bundle } = vector;
        const start = at % bundle.length;
        const part = bundle.subarray(start, start + length);
        const middle = { cut: [], flip: [part.map((byte) => byte ^ 1)], double: [part, part], truncate: [] }[kind];
        const rest = kind === 'truncate' ? [] : [bundle.subarray(start + length)];
        refusesOrAgrees(Buffer.concat([bundle.subarray(0, start), ...middle, ...rest]), vector);
      }),
      { numRuns: 150 },
    );
  });

  test('with any JSON in place of any of its parts is refused, or says the same', () => {
    const change = fc.record({
      vector: fc.constantFrom(...vectors),
      at: fc.nat(),
      value: fc.jsonValue({ maxDepth: 2 }),
    });
    fc.assert(
      fc.property(change, ({ vector, at, value }) => {
        const json = parseJsonOf(vector.bundle);
        const places = placesOf(json);
        const [holder, key] = places[at % places.length]!;
        holder[key] = value;
        refusesOrAgrees(Buffer.from(JSON.stringify(json)), vector);
      }),
      { numRuns: 200 },
    );
  });

  test('with any bytes in place of a DER part is refused', () => {
    const parts = vectors.flatMap((vector) =>
      placesOf(parseJsonOf(vector.bundle)).flatMap(([, key], place) =>
        ['rawBytes', 'signedTimestamp', 'canonicalizedBody', 'sig'].includes(key) ? [{ vector, place }] : [],
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...parts),
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(),
        (part, bytes, at) => {
          const json = parseJsonOf(part.vector.bundle);
          const [holder, key] = placesOf(json)[part.place]!;
          const whole = Buffer.from(holder[key] as string, 'base64');
          // Written over a part of the real one, so that readers get past its first bytes.
          whole.set(bytes.subarray(0, Math.max(whole.length - (at % whole.length), 0)), at % whole.length);
          holder[key] = whole.toString('base64');
          refusesOrAgrees(Buffer.from(JSON.stringify(json)), part.vector);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Every member of every object and list of a document, with its holder. */
function placesOf(value: Bent): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [
    [holder, key] as [Record<string, unknown>, string],
    ...placesOf(holder[key]),
  ]);
}

test('a field name that would move a terminal’s cursor is told in printable text', () => {
  const [vector] = vectors;
  const json: Bent = parseJsonOf(vector!.bundle);
  json['\u001b[2J\u007f\u202e\n'] = 1;
  const fault = faultOf(() => verifyStatement(Buffer.from(JSON.stringify(json)), vector!.anchors));
  expect(fault.message).toMatch(/^Cannot [\u0020-\u007e]+$/);
});
