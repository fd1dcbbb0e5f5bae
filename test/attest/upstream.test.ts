import { createCleartextMessage, createMessage, generateKey, sign } from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkUpstream, findUpstream, verifyUpstream } from '../../pipeline/attest/upstream.ts';
import { Digest } from '../../pipeline/core/index.ts';

const content = new TextEncoder().encode('the image');
const list = `# SHA512 HASH\n${Digest.of('sha512', content).hex}  flatcar_production_image.bin.bz2\n`;
const bytes = (text: string) => new TextEncoder().encode(text);
const time = new Date('2026-11-01T00:00:00Z');

type Keys = Awaited<ReturnType<typeof makeKey>>;
let maker: Keys;
let stranger: Keys;

async function makeKey(email: string) {
  const key = await generateKey({
    userIDs: [{ name: 'Buildbot', email }],
    date: new Date('2026-01-01T00:00:00Z'),
    format: 'object',
  });
  return {
    signingKey: key.privateKey,
    file: { name: 'key.asc', bytes: bytes(key.publicKey.armor()) },
    fingerprint: key.publicKey.getFingerprint(),
  };
}

beforeAll(async () => {
  maker = await makeKey('buildbot@example.org');
  stranger = await makeKey('stranger@example.org');
});

async function clearsigned(by: Keys, text = list): Promise<Uint8Array> {
  const message = await createCleartextMessage({ text });
  return bytes(await sign({ message, signingKeys: by.signingKey, date: new Date('2026-10-01T00:00:00Z') }));
}

describe('an upstream list', () => {
  it('that is clearsigned by the given key is read, and the key is named', async () => {
    const [read] = await verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(maker) }], [maker.file], time);
    expect(read?.signedBy?.fingerprint).toBe(maker.fingerprint);
    expect(read?.lines[0]?.digest.hex).toBe(Digest.of('sha512', content).hex);
  });

  it('that is clearsigned by a stranger is refused', async () => {
    await expect(
      verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(stranger) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('that was changed after it was clearsigned is refused', async () => {
    const signed = new TextDecoder().decode(await clearsigned(maker)).replace('image.bin', 'imags.bin');
    await expect(
      verifyUpstream([{ name: 'DIGESTS.asc', bytes: bytes(signed) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('that is clearsigned is refused where no key was given', async () => {
    await expect(
      verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(maker) }], [], time),
    ).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('without a signature is read and said to be signed by nobody', async () => {
    const [read] = await verifyUpstream(
      [{ name: 'SHA256SUMS', bytes: bytes(`${'a'.repeat(64)}  kubernetes.raw\n`) }],
      [maker.file],
      time,
    );
    expect(read?.signedBy).toBeNull();
  });

  it('with a detached signature beside it is checked against it', async () => {
    const file = { name: 'SHA256SUMS', bytes: bytes(`${'a'.repeat(64)}  kubernetes.raw\n`) };
    const detached = async (by: Keys) =>
      (await sign({
        message: await createMessage({ binary: file.bytes }),
        signingKeys: by.signingKey,
        detached: true,
        format: 'binary',
        date: new Date('2026-10-01T00:00:00Z'),
      })) as Uint8Array;
    const [good] = await verifyUpstream(
      [file, { name: 'SHA256SUMS.sig', bytes: await detached(maker) }],
      [maker.file],
      time,
    );
    expect(good?.signedBy?.fingerprint).toBe(maker.fingerprint);
    await expect(
      verifyUpstream([file, { name: 'SHA256SUMS.sig', bytes: await detached(stranger) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('refuses a key file that is none', async () => {
    await expect(verifyUpstream([], [{ name: 'key.asc', bytes: bytes('hello') }], time)).rejects.toMatchObject({
      code: 'key.openpgp',
    });
  });
});

describe('a file that upstream lists', () => {
  it('is accepted with the listed digest and refused with another', async () => {
    const lists = await verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(maker) }], [maker.file], time);
    const matches = findUpstream(lists, 'flatcar_production_image.bin.bz2');
    expect(matches).toHaveLength(1);
    expect(() => checkUpstream('image', [Digest.of('sha512', content)], matches)).not.toThrow();
    expect(() => checkUpstream('image', [Digest.of('sha512', bytes('another'))], matches)).toThrow(
      /as DIGESTS.asc says/,
    );
  });
});
