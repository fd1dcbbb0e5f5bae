import { describe, expect, test } from 'vitest';
import { Digest, Fault } from '../../pipeline/core/index.ts';
import { inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { BundleSearch, type BundleStore, Findings, type IntakeTerms, plainTerms } from '../../pipeline/store/index.ts';
import { Gate } from '../../pipeline/store/gate.ts';

const [one, other] = ['one', 'other'].map((text) => Digest.of('sha256', text)) as [Digest, Digest];

function madeBundle(payload: string): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: 'x' } },
      dsseEnvelope: {
        payload: Buffer.from(payload).toString('base64'),
        payloadType: inTotoPayloadType,
        signatures: [{ sig: 'AAAA' }],
      },
    }),
  );
}

const statement = (predicateType: string, filling = '') =>
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [one, other].map(({ hex }) => ({ digest: { sha256: hex } })),
    predicateType,
    predicate: { filling },
  });

/** Asks a store that offers the same bundles for two digests, one after the other. */
async function searchTwice(offered: readonly Uint8Array[], terms: Partial<IntakeTerms & IntakeTerms['screen']>) {
  let reads = 0;
  const store: BundleStore = {
    name: 'store',
    async find(digest, intake) {
      const findings = new Findings([digest], intake);
      for (const bytes of offered) {
        const { hex } = Digest.of('sha256', bytes);
        await findings.attempt('store', async (reserve) => {
          if (!(await reserve(bytes.byteLength, hex))) return null;
          reads++;
          return bytes;
        });
      }
      return findings.found();
    },
    plan: () => [],
    put: async () => ({ written: [], present: [] }),
  };
  const screen = { ...plainTerms.screen, ...terms };
  const search = new BundleSearch([store], null, () => undefined, { ...plainTerms, ...terms, screen });
  const answers = [...(await search.ask([one])), ...(await search.ask([other]))];
  return {
    reads,
    unneeded: search.unneeded,
    types: answers.map(({ bundles }) => bundles.map(({ predicateType }) => predicateType)),
    junk: answers.map(({ passedOver }) => passedOver.map(({ code }) => code)),
    silences: answers.map(({ unanswered }) => unanswered.map(({ fault }) => fault.code)),
  };
}

const refuse = (): never => {
  throw new Fault('signature.no-key', 'Cannot verify');
};

describe('A search', () => {
  test('reads nothing of what a stranger signed, tells of it once, and asks for it once', async () => {
    const { types, junk, reads } = await searchTwice([madeBundle('no statement')], { checkSigner: refuse });
    expect([types, junk, reads]).toEqual([[[], []], [['signature.no-key'], []], 1]);
  });

  test('holds nothing that nobody needs, and counts it once', async () => {
    const offered = [madeBundle(statement('type:needed')), madeBundle(statement('type:other'))];
    const shareOf = (type: string | null) => (type === 'type:needed' ? 'all' : null);
    const { types, junk, unneeded, reads } = await searchTwice(offered, { shareOf });
    expect([types, junk, unneeded, reads]).toEqual([[['type:needed'], ['type:needed']], [[], []], 1, 3]);
  });

  test('takes of each share what there is room for, and tells that there is more', async () => {
    const large = ['a', 'b'].map((filling) => madeBundle(statement('type:large', filling.repeat(2000))));
    const offered = [...large, madeBundle(statement('type:small'))];
    const terms = { shareOf: (type: string | null) => type, shareBytes: 5000 };
    const { types, silences } = await searchTwice(offered, terms);
    expect(types).toEqual([
      ['type:large', 'type:small'],
      ['type:large', 'type:small'],
    ]);
    expect(silences).toEqual([['limit.search-bytes'], ['limit.search-bytes']]);
  });

  test('does not read a bundle that is larger than it takes', async () => {
    const { types, junk, reads } = await searchTwice([madeBundle(statement('type:large'))], { bundleBytes: 100 });
    expect([types, junk, reads]).toEqual([[[], []], [['limit.search-bundle'], ['limit.search-bundle']], 0]);
  });
});

describe('The gate of a search', () => {
  /** Lets steps of these sizes in, and ends them in the order in which they came. */
  async function run(roomBytes: number, sizes: readonly number[]): Promise<number> {
    const gate = new Gate(roomBytes);
    let [inside, most] = [0, 0];
    const step = async (sizeBytes: number): Promise<void> => {
      using _room = await gate.enter(sizeBytes);
      inside += sizeBytes;
      most = Math.max(most, inside);
      await new Promise((done) => setImmediate(done));
      inside -= sizeBytes;
    };
    await Promise.all(sizes.map(step));
    return most;
  }

  test('lets in what there is room for', async () => {
    expect(await run(10, [4, 4, 4, 4, 4])).toBe(8);
    expect(await run(10, [1, 1, 1])).toBe(3);
  });

  test('lets in alone what is larger than the room', async () => {
    expect(await run(10, [4, 25, 4])).toBe(25);
  });
});
