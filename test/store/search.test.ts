import { describe, expect, test } from 'vitest';
import { Digest, Fault, limits } from '../../pipeline/core/index.ts';
import { inTotoPayloadType } from '../../pipeline/formats/dsse/index.ts';
import { BundleSearch, type BundleStore, Findings, openBlobMemory } from '../../pipeline/store/index.ts';

const digestOf = (text: string) => Digest.of('sha256', text);
const identity = digestOf('identity');
const silent = (): void => undefined;

/** A bundle that nobody signed: stores do not verify. */
function madeBundle(predicateType: string, subjects: readonly Digest[]): Uint8Array {
  const subject = subjects.map(({ hex }) => ({ digest: { sha256: hex } }));
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate: {} };
  return Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: 'x' } },
      dsseEnvelope: {
        payload: Buffer.from(JSON.stringify(statement)).toString('base64'),
        payloadType: inTotoPayloadType,
        signatures: [{ sig: 'AAAA' }],
      },
    }),
  );
}

type MadeStore = BundleStore & { readonly asked: string[] };

/** A store that offers the same bytes for every digest. */
function openMadeStore(name: string, offers: (digest: Digest) => readonly Uint8Array[]): MadeStore {
  const asked: string[] = [];
  return {
    name,
    asked,
    async find(digest) {
      asked.push(digest.hex);
      const findings = new Findings([digest]);
      for (const bytes of offers(digest)) await findings.attempt(name, async () => bytes);
      return findings.found();
    },
    plan: () => [],
    put: async () => ({ written: [], present: [] }),
  };
}

const search = (...stores: readonly BundleStore[]) => new BundleSearch(stores, null, silent);

describe('A search', () => {
  test('gives bundles in the order of the stores, each once', async () => {
    const [first, second] = ['one', 'two'].map((type) => madeBundle(`type:${type}`, [identity]));
    const near = openMadeStore('near', () => [first!]);
    const far = openMadeStore('far', () => [second!, first!]);
    const [answer] = await search(near, far).ask([identity]);
    expect(answer?.bundles.map(({ predicateType, from }) => [predicateType, from])).toEqual([
      ['type:one', 'near'],
      ['type:two', 'far'],
    ]);
  });

  test('asks for no digest twice', async () => {
    const store = openMadeStore('store', () => []);
    const own = search(store);
    await own.ask([identity, identity]);
    await own.ask([identity, digestOf('other')]);
    expect(store.asked).toEqual([identity.hex, digestOf('other').hex]);
  });

  test('asks on for no digest that was asked for', async () => {
    const member = digestOf('member');
    const store = openMadeStore('store', () => []);
    const own = search(store);
    await own.ask([identity]);
    const members = await own.askFurther([identity, member, member]);
    expect(members.map(({ digest }) => digest.hex)).toEqual([member.hex]);
    expect(store.asked).toEqual([identity.hex, member.hex]);
  });

  test('ends at its limit of further digests, the first ones first, and says that there were more', async () => {
    const members = Array.from({ length: limits.searchMembers + 5 }, (_, at) => digestOf(`member ${at}`));
    const store = openMadeStore('store', () => []);
    const answers = await search(store).askFurther(members);
    expect(store.asked).toEqual(members.slice(0, limits.searchMembers).map(({ hex }) => hex));
    expect(answers.flatMap(({ unanswered }) => unanswered.map(({ fault }) => fault.code))).toEqual([
      'limit.search-members',
    ]);
  });

  test('tells of junk up to a limit for all digests together', async () => {
    const junk = Array.from({ length: limits.storeBundles }, () => Buffer.from('{}'));
    const digests = Array.from({ length: 8 }, (_, at) => digestOf(`file ${at}`));
    const answers = await search(openMadeStore('store', () => junk)).ask(digests);
    const told = answers.flatMap(({ passedOver }) => passedOver);
    expect(told).toHaveLength(limits.searchJunk + 1);
    expect(told.filter(({ code }) => code === 'limit.search-junk')).toHaveLength(1);
  });

  test('says of a list that was not read to its end that more is not known', async () => {
    const store = openMadeStore('store', () => []);
    const find = async (): ReturnType<BundleStore['find']> => ({
      bundles: [],
      passedOver: [],
      unread: [new Fault('store.pages', 'Cannot read on')],
    });
    const [answer] = await search({ ...store, find }).ask([identity]);
    expect(answer?.unanswered.map(({ store: name, fault }) => [name, fault.code])).toEqual([['store', 'store.pages']]);
  });

  test('does not wait again for a server that did not answer, and goes on with the others', async () => {
    let attempts = 0;
    const find = async (): Promise<never> => {
      attempts++;
      throw new Fault('network.timeout', 'Cannot reach it');
    };
    const down = { ...openMadeStore('down', () => []), find };
    const up = openMadeStore('up', (digest) => [madeBundle('type:one', [digest])]);
    const own = search(down, up);
    await own.ask([identity]);
    const [later] = await own.ask([digestOf('later')]);
    expect(attempts).toBe(1);
    expect(later?.bundles).toHaveLength(1);
    expect(later?.unanswered.map(({ store, fault }) => [store, fault.code])).toEqual([['down', 'network.timeout']]);
  });

  test('hides nothing where the cache fails', async () => {
    const store = openMadeStore('store', () => [madeBundle('type:one', [identity])]);
    const cache = {
      name: 'cache',
      blobs: openBlobMemory(null),
      remember: async () => undefined,
      recall: async () => Promise.reject(new Fault('file.permission', 'Cannot read')),
    };
    const [answer] = await new BundleSearch([store], cache, silent).ask([identity]);
    expect(answer?.bundles).toHaveLength(1);
    expect(answer?.unanswered.map(({ store: name }) => name)).toEqual(['cache']);
  });
});

describe('The memory of a search', () => {
  const bytes = Buffer.from('bytes');

  test('gives back bytes by their digest, within the cap that is asked for', async () => {
    const memory = openBlobMemory(null);
    await memory.write(digestOf('bytes'), bytes);
    expect(await memory.read(digestOf('bytes'), 5)).toBe(bytes);
    expect(await memory.read(digestOf('bytes'), 4)).toBeNull();
    expect(await memory.read(digestOf('other'), 5)).toBeNull();
  });

  test('takes nothing under a digest that is not its own', async () => {
    const memory = openBlobMemory(null);
    await memory.write(digestOf('other'), bytes);
    expect(await memory.read(digestOf('other'), 5)).toBeNull();
  });
});
