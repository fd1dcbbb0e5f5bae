import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { parseProvenance } from '../../pipeline/formats/slsa/index.ts';
import { parseStatement } from '../../pipeline/formats/statement/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, readDemoImage, type Workshop } from '../support/demo-images.ts';
import { openLoopbackSigstore } from '../support/loopback-sigstore/index.ts';

const payload = 'flatcar_production_update.bin';
const usrStart = 40_960 * 512;

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(demo.kubernetes, demo.falco);
  const disk = readDemoImage(demo.image);
  workshop.write(demo.image, disk);
  // The update payload is a node image too, and quicker to read.
  workshop.write(payload, disk.subarray(usrStart, usrStart + 26 * 1024 * 1024));
  workshop.write('key.pem', makeKey());
});
afterAll(() => workshop[Symbol.dispose]());

const epoch = { SOURCE_DATE_EPOCH: '1793534400' };
const common = ['attest', '--name', 'workers', '--image', payload];
const attest = (args: readonly string[], environment: Readonly<Record<string, string>> = epoch) =>
  runCommandLine([...common, ...args], { directory: workshop.directory, environment });
const sysexts = ['--sysext', `kubernetes=${demo.kubernetes}`, demo.falco];
const withKey = ['--key', 'key.pem'];
const release = [...sysexts, ...withKey, '--image', demo.image, '--role', 'worker'];

/** Nothing is left of a refused run, not even under another name. */
function leftovers(): string[] {
  return readdirSync(workshop.directory).filter((name) => name.includes('refused'));
}

function provenanceOf(directory: string, artifact: string) {
  const { content } = parseBundle(readFileSync(workshop.path(`${directory}/${artifact}.provenance.sigstore.json`)));
  if (content.kind !== 'envelope') throw new Error('Cannot read a message signature');
  return parseProvenance(parseStatement(content.envelope.payload).predicate);
}

describe('attest', () => {
  it('writes a release whose checksums hold and tells its identity', async () => {
    const { exit, json } = await attest([...release, '--out', 'release', '--json']);
    expect(exit).toBe(0);
    expect(json).toMatchObject({ nodeSet: 'workers', statements: 11, verified: true, unsignedUpstream: [] });
    const { identityDigest, identity, files } = json as Record<'identityDigest' | 'identity', string> & {
      files: string[];
    };
    expect(identityDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(identity).toMatchObject({ os: { versionId: '4593.2.5' } });
    expect(readdirSync(workshop.path('release')).sort()).toEqual(files);
    for (const line of readFileSync(workshop.path('release/SHA256SUMS'), 'utf8').trimEnd().split('\n')) {
      const [hex, name = ''] = line.split('  ');
      const path = [workshop.path(`release/${name}`), workshop.path(name)].find(existsSync) ?? name;
      expect([name, Digest.of('sha256', readFileSync(path)).hex]).toEqual([name, hex]);
    }
  });

  it('makes the same bytes of the same input and time', async () => {
    await attest([...release, '--out', 'again']);
    for (const name of readdirSync(workshop.path('release')))
      expect([name, readFileSync(workshop.path(`again/${name}`))]).toEqual([
        name,
        readFileSync(workshop.path(`release/${name}`)),
      ]);
  });

  it('leaves out built-in extensions that nodes mask, and takes another in the place of one', async () => {
    const { exit, json } = await attest([...withKey, '--without', 'docker-flatcar', '--out', 'without', '--json']);
    expect(exit).toBe(0);
    expect(json).toMatchObject({ identity: { sysexts: [{ name: 'containerd-flatcar' }] } });
  });

  it('says who built, from the build context file or the workflow that runs it', async () => {
    workshop.write(
      'context.json',
      JSON.stringify({ builderId: 'https://ci.example.org/b', externalParameters: { board: 'amd64' } }),
    );
    expect((await attest([...withKey, '--build-context', 'context.json', '--out', 'context'])).exit).toBe(0);
    expect(provenanceOf('context', payload)).toMatchObject({
      runDetails: { builder: { id: 'https://ci.example.org/b' } },
      buildDefinition: { externalParameters: { context: { board: 'amd64' } } },
    });
    const workflow = 'acme/node-images/.github/workflows/release.yml@refs/tags/v1';
    const github = {
      ...epoch,
      GITHUB_ACTIONS: 'true',
      GITHUB_REPOSITORY: 'acme/node-images',
      GITHUB_SHA: 'a'.repeat(40),
      GITHUB_RUN_ID: '1',
      GITHUB_WORKFLOW_REF: workflow,
    };
    expect((await attest([...withKey, '--out', 'github'], github)).exit).toBe(0);
    expect(provenanceOf('github', payload)).toMatchObject({
      runDetails: { builder: { id: `https://github.com/${workflow}` } },
    });
  });

  it('records what upstream published about its files, and says where nobody vouches for that', async () => {
    const sums = [demo.kubernetes, 'another.raw']
      .map((name) => `${Digest.of('sha256', name === demo.kubernetes ? readDemoImage(name) : '').hex}  ${name}\n`)
      .join('');
    workshop.write('SHA256SUMS', sums);
    const { exit, stdout } = await attest([...sysexts, ...withKey, '--upstream', 'SHA256SUMS', '--out', 'upstream']);
    expect(exit).toBe(0);
    expect(stdout).toContain('SHA256SUMS is signed by nobody');
    expect(provenanceOf('upstream', demo.kubernetes).buildDefinition.resolvedDependencies).toMatchObject([
      { name: demo.kubernetes, annotations: { nodeproof_verified: false, list: 'SHA256SUMS' } },
    ]);
    expect(readFileSync(workshop.path('upstream/workers.summary.md'), 'utf8')).toContain('| `SHA256SUMS` |');
  });

  it('covers the compressed file that ships, after looking into it', async () => {
    workshop.write('image.bin.zst', zstdCompressSync(readFileSync(workshop.path(payload))));
    expect((await attest([...withKey, '--shipped', 'image.bin.zst', '--out', 'shipped'])).exit).toBe(0);
    const shipped = Digest.of('sha256', readFileSync(workshop.path('image.bin.zst'))).hex;
    const { content } = parseBundle(readFileSync(workshop.path('shipped/workers.node-set.sigstore.json')));
    if (content.kind !== 'envelope') throw new Error('Cannot read a message signature');
    expect(parseStatement(content.envelope.payload).subject).toContainEqual({
      name: 'image.bin.zst',
      digest: { sha256: shipped },
      annotations: { role: 'node-image-shipped' },
    });
    expect(readFileSync(workshop.path('shipped/SHA256SUMS'), 'utf8')).toContain(`${shipped}  image.bin.zst\n`);
  });

  it('signs keyless by a signing configuration, and verifies what it got by the trusted root', async () => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    workshop.write('signing-config.json', JSON.stringify(sigstore.signingConfig));
    workshop.write('trusted-root.json', JSON.stringify(sigstore.trustedRoot));
    workshop.write('token', sigstore.token());
    const args = ['--identity-token', `@${workshop.path('token')}`, '--signing-config', 'signing-config.json'];
    const without = ['--without', 'docker-flatcar', 'containerd-flatcar', '--json'];
    const good = await attest([...args, ...without, '--trusted-root', 'trusted-root.json', '--out', 'keyless'], {});
    expect(good).toMatchObject({ exit: 0, json: { verified: true, statements: 3 } });
    sigstore.override('rekorV2', () => ({ status: 201, body: '{}' }));
    const bad = await attest([...args, ...without, '--trusted-root', 'trusted-root.json', '--out', 'refused'], {});
    expect(bad.exit).not.toBe(0);
    expect(leftovers()).toEqual([]);
  });
});

describe('attest refuses, and leaves no directory,', () => {
  const refused = async (args: readonly string[], environment?: Readonly<Record<string, string>>) => {
    const outcome = await attest([...args, '--out', 'refused', '--json'], environment);
    expect(leftovers()).toEqual([]);
    return outcome;
  };

  it('an image whose kernel boots another usr hash', async () => {
    const bytes = readDemoImage(demo.image);
    bytes.write('0000', bytes.indexOf('f352a82f3f0962bdbd99a72d34f922d3'));
    workshop.write('kernel.bin', bytes);
    expect(await refused([...withKey, '--image', 'kernel.bin'])).toMatchObject({ exit: 3, code: 'image.usr-hash' });
  });

  it('an image whose data was altered below its verity', async () => {
    const bytes = readFileSync(workshop.path(payload));
    bytes.writeUInt8(bytes.readUInt8(bytes.byteLength / 2) ^ 0x10, bytes.byteLength / 2);
    workshop.write('flipped.bin', bytes);
    const outcome = await refused([...withKey, '--image', 'flipped.bin']);
    expect(outcome).toMatchObject({ exit: 3, code: 'image.hash-tree' });
  });

  it('an extension in the place of the image, and the image in the place of an extension', async () => {
    expect(await refused([...withKey, '--image', demo.falco])).toMatchObject({ exit: 3, code: 'attest.kind' });
    expect((await refused([...withKey, '--sysext', payload])).exit).toBe(3);
  });

  it('a shipped file of another image', async () => {
    workshop.write('other.bin.bz2', readFileSync(new URL('../fixtures/bzip2/short.bz2', import.meta.url)));
    expect(await refused([...withKey, '--shipped', 'other.bin.bz2'])).toMatchObject({
      exit: 3,
      code: 'attest.shipped',
    });
  });

  it('a file that upstream published with another digest', async () => {
    workshop.write('WRONG', `${'a'.repeat(64)}  ${demo.falco}\n`);
    const outcome = await refused([...withKey, '--sysext', demo.falco, '--upstream', 'WRONG']);
    expect(outcome).toMatchObject({ exit: 3, code: 'upstream.digest' });
  });

  it('a name of an extension that the image does not merge, or that its file does not have', async () => {
    expect(await refused([...withKey, '--without', 'podman'])).toMatchObject({ exit: 2, code: 'usage.without' });
    expect(await refused([...withKey, '--sysext', `kubelet=${demo.kubernetes}`])).toMatchObject({
      exit: 3,
      code: 'extension-release.name',
    });
  });

  it.each([
    ['a name that is a path', ['--name', '../workers'], 'usage.name'],
    ['a role of two words', ['--role', 'a b'], 'usage.role'],
    ['an end before the start', ['--valid-until', '2020-01-01T00:00:00Z'], 'usage.time'],
    ['a day that no month has', ['--valid-until', '2027-02-30T00:00:00Z'], 'usage.time'],
    ['two ways to sign', ['--identity-token', 'x.y.z'], 'usage.signer'],
    ['a build context with an unknown field', ['--build-context', 'bad-context.json'], 'config.build-context'],
    ['a trusted root that is none', ['--trusted-root', 'bad-context.json'], undefined],
    ['a key that is none', ['--key', 'bad-context.json'], undefined],
  ])('%s, before it reads an image', async (_, args, code) => {
    workshop.write('bad-context.json', '{"builder": 1}');
    const outcome = await refused([...withKey, '--image', 'nowhere.bin', ...args]);
    expect(outcome.exit).toBe(2);
    if (code !== undefined) expect(outcome.code).toBe(code);
  });

  it('a directory that holds something', async () => {
    workshop.write('occupied', 'a file');
    writeFileSync(workshop.path('occupied'), 'a file');
    expect(await attest([...withKey, '--out', 'occupied'])).toMatchObject({ exit: 2, code: 'usage.output' });
    expect(await attest([...withKey, '--out', 'release'])).toMatchObject({ exit: 2, code: 'usage.output' });
  });

  it('a time for its documents that is none', async () => {
    expect(await refused(withKey, { SOURCE_DATE_EPOCH: 'today' })).toMatchObject({ code: 'usage.source-date-epoch' });
  });

  it('a workflow that may not ask for a token, a token that is none or over, before it reads an image', async () => {
    const unread = ['--image', 'nowhere.bin'];
    expect(await refused(unread)).toMatchObject({ exit: 2, code: 'usage.identity-token' });
    const over = `e30.${Buffer.from('{"sub":"x","aud":"sigstore","exp":1}').toString('base64url')}.c2ln`;
    for (const token of ['none', 'a.b.c', over]) {
      const outcome = await refused([...unread, '--identity-token', token]);
      expect(outcome).toMatchObject({ exit: 2, code: 'usage.identity-token' });
      expect(outcome.stdout).not.toContain(over);
    }
  });
});
