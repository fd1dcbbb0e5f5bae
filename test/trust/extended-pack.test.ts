import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Json, limits } from '../../pipeline/core/index.ts';
import { encodeTrustPack, extendTrustPack, isExtensionOf, parseTrustPack } from '../../pipeline/trust/index.ts';

const pack = parseTrustPack(
  encodeTrustPack({
    name: 'workers',
    version: 5,
    issuedAt: '2026-11-01T12:00:00Z',
    expiresAt: null,
    trustedRoots: [],
    publicKeys: [],
    bundles: [{ own: 1 }],
    revocations: [],
  }),
);

const unit = (bundles: readonly Json[], revocations: readonly Json[] = [], sparedBytes = 0) => ({
  bundles,
  revocations,
  sparedBytes,
  sparedBundles: 0,
});

describe('A trust pack that is extended', () => {
  test('has what it had, and behind it what was added, in its order', () => {
    const { bytes, left } = extendTrustPack(pack, [unit([{ a: 1 }], [{ r: 1 }]), unit([{ a: 2 }])]);
    const extended = parseTrustPack(bytes ?? Buffer.of());
    expect([extended.bundles, extended.revocations, left]).toEqual([[{ own: 1 }, { a: 1 }, { a: 2 }], [{ r: 1 }], []]);
    expect(isExtensionOf(extended, pack)).toBe(true);
  });

  test('is not written anew where nothing was added', () => {
    expect(extendTrustPack(pack, [])).toEqual({ bytes: null, added: [], left: [] });
  });

  test('has a document of two units once', () => {
    const document = { a: 1 };
    const { bytes } = extendTrustPack(pack, [unit([document]), unit([document, { a: 2 }])]);
    expect(parseTrustPack(bytes ?? Buffer.of()).bundles).toEqual([{ own: 1 }, { a: 1 }, { a: 2 }]);
  });

  test('takes a unit behind one that there is no room for', () => {
    const large = unit([{ a: 1 }, { a: 2 }], [], limits.trustPackBytes);
    const small = unit([{ a: 2 }]);
    expect(extendTrustPack(pack, [large, small])).toMatchObject({ added: [small], left: [large] });
  });

  test('never has more bytes than it may, and leaves the room that is to be spared', () => {
    const wholeBytes = extendTrustPack(pack, [unit([{}])]).bytes?.byteLength ?? 0;
    const room = fc.integer({ min: wholeBytes, max: wholeBytes + 2000 });
    const document = fc.record({ text: fc.string({ unit: 'grapheme' }), list: fc.array(fc.integer()) });
    fc.assert(
      fc.property(room, fc.array(fc.array(document)), (roomBytes, bundles) => {
        const units = bundles.map((each) => unit(each, [], limits.trustPackBytes - roomBytes));
        const { bytes, added, left } = extendTrustPack(pack, units);
        expect(bytes?.byteLength ?? 0).toBeLessThanOrEqual(roomBytes);
        expect(added.length + left.length).toBe(units.length);
      }),
    );
  });
});
