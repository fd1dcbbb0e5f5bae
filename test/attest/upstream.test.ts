import { createCleartextMessage, createMessage, generateKey, sign } from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareUpstream, upstreamAlgorithms, verifyUpstream } from '../../pipeline/attest/upstream.ts';
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

  it('with a detached signature and a clearsigned twin, as Flatcar has them, is read twice', async () => {
    const message = await createMessage({ binary: bytes(list) });
    const options = { message, signingKeys: maker.signingKey, date: new Date('2026-10-01T00:00:00Z') };
    const signature = await sign({ ...options, format: 'binary', detached: true });
    const files = [
      { name: 'DIGESTS', bytes: bytes(list) },
      { name: 'DIGESTS.asc', bytes: await clearsigned(maker) },
      { name: 'DIGESTS.sig', bytes: signature },
    ];
    const read = await verifyUpstream(files, [maker.file], time);
    expect(read.map(({ name, signedBy }) => [name, signedBy?.fingerprint])).toEqual([
      ['DIGESTS', maker.fingerprint],
      ['DIGESTS.asc', maker.fingerprint],
    ]);
    const forged = files.with(1, { name: 'DIGESTS.asc', bytes: await clearsigned(stranger) });
    await expect(verifyUpstream(forged, [maker.file], time)).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('without a signature is read and said to be signed by nobody', async () => {
    const [read] = await verifyUpstream(
      [{ name: 'downloads/SHA256SUMS', bytes: bytes(`${'a'.repeat(64)}  kubernetes.raw\n`) }],
      [],
      time,
    );
    expect(read).toMatchObject({ name: 'SHA256SUMS', signedBy: null });
  });

  it('without a signature is refused where a key was given that should have signed one', async () => {
    await expect(
      verifyUpstream([{ name: 'SHA256SUMS', bytes: bytes(`${'a'.repeat(64)}  a.raw\n`) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'usage.upstream-key' });
  });

  it('is not looked for in a signature that was given without it', async () => {
    await expect(
      verifyUpstream([{ name: 'SHA256SUMS.sig', bytes: Buffer.from([0x88, 0x75, 0x04]) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'usage.upstream' });
  });

  it('is good by one given key, whoever else signed it', async () => {
    const message = await createCleartextMessage({ text: list });
    const both = await sign({
      message,
      signingKeys: [stranger.signingKey, maker.signingKey],
      date: new Date('2026-10-01T00:00:00Z'),
    });
    const [read] = await verifyUpstream([{ name: 'DIGESTS.asc', bytes: bytes(both) }], [maker.file], time);
    expect(read?.signedBy?.fingerprint).toBe(maker.fingerprint);
  });

  it('that was signed before its key was made, or after it ended, is refused', async () => {
    const file = { name: 'DIGESTS.asc', bytes: await clearsigned(maker) };
    await expect(verifyUpstream([file], [maker.file], new Date('2025-01-01T00:00:00Z'))).rejects.toMatchObject({
      code: 'upstream.signature',
    });
  });

  it('with a detached signature beside it is checked against it', async () => {
    const file = { name: 'downloads/SHA256SUMS', bytes: bytes(`${'a'.repeat(64)}  kubernetes.raw\n`) };
    const detached = async (by: Keys) =>
      (await sign({
        message: await createMessage({ binary: file.bytes }),
        signingKeys: by.signingKey,
        detached: true,
        format: 'binary',
        date: new Date('2026-10-01T00:00:00Z'),
      })) as Uint8Array;
    const [good] = await verifyUpstream(
      [file, { name: 'downloads/SHA256SUMS.sig', bytes: await detached(maker) }],
      [maker.file],
      time,
    );
    expect(good?.signedBy?.fingerprint).toBe(maker.fingerprint);
    await expect(
      verifyUpstream([file, { name: 'downloads/SHA256SUMS.sig', bytes: await detached(stranger) }], [maker.file], time),
    ).rejects.toMatchObject({ code: 'upstream.signature' });
  });

  it('refuses a key file that is none', async () => {
    await expect(verifyUpstream([], [{ name: 'key.asc', bytes: bytes('hello') }], time)).rejects.toMatchObject({
      code: 'key.openpgp',
    });
  });
});

describe('a file that upstream lists', () => {
  const sha512 = Digest.of('sha512', content);
  const name = 'flatcar_production_image.bin.bz2';
  const member = (fileName: string, digests: readonly Digest[]) => ({ kind: 'sysext' as const, fileName, digests });

  it('is a dependency with the list that names it and the key that vouches for the list', async () => {
    const lists = await verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(maker) }], [maker.file], time);
    expect(upstreamAlgorithms(lists)).toEqual(['sha512']);
    expect(compareUpstream([member(name, [sha512])], null, lists).get(name)).toEqual([
      {
        name,
        uri: `file:${name}`,
        digest: { sha512: sha512.hex },
        annotations: {
          nodeproof_verified: true,
          list: 'DIGESTS.asc',
          listSha256: lists[0]?.sha256,
          openpgpFingerprint: maker.fingerprint,
        },
      },
    ]);
  });

  it('is found under the name that it is shipped by, too', async () => {
    const lists = await verifyUpstream([{ name: 'DIGESTS', bytes: bytes(list) }], [], time);
    const image = { kind: 'node-image' as const, fileName: 'flatcar_production_image.bin', digests: [] };
    const found = compareUpstream([image], { fileName: name, digests: [sha512] }, lists).get(image.fileName);
    expect(found).toMatchObject([{ name, annotations: { nodeproof_verified: false } }]);
  });

  it('is found by its digest where it was given another name, and the name in the list is told', async () => {
    const lists = await verifyUpstream([{ name: 'DIGESTS', bytes: bytes(list) }], [], time);
    const renamed = 'flatcar_production_image-x86-64.bin.bz2';
    const found = compareUpstream([member(renamed, [sha512])], null, lists).get(renamed);
    expect(found).toMatchObject([{ name: renamed, annotations: { list: 'DIGESTS', listedAs: name } }]);
  });

  it('is refused with another digest', async () => {
    const lists = await verifyUpstream([{ name: 'DIGESTS.asc', bytes: await clearsigned(maker) }], [maker.file], time);
    const other = member(name, [Digest.of('sha512', bytes('another'))]);
    expect(() => compareUpstream([other], null, lists)).toThrow(/as DIGESTS.asc says/);
  });

  it.each([
    ['with other digests alone', list.replace('.bin.bz2', '.bin.gz'), [Digest.of('sha512', bytes('another'))]],
    [
      'under another name with SHA-1 only',
      `# SHA1 HASH\n${Digest.of('sha1', content).hex}  x\n`,
      [Digest.of('sha1', content)],
    ],
    ['with SHA-1 only', `# SHA1 HASH\n${Digest.of('sha1', content).hex}  ${name}\n`, [Digest.of('sha1', content)]],
    ['with a digest that was not computed', list, [Digest.of('sha256', content)]],
  ])('is not taken for listed %s: a list without any file of the set is refused', async (_, text, digests) => {
    const lists = await verifyUpstream([{ name: 'DIGESTS', bytes: bytes(text) }], [], time);
    expect(() => compareUpstream([member(name, digests)], null, lists)).toThrow(/names none of the files/);
  });
});
