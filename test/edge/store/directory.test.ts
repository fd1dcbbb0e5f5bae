import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest } from '../../../pipeline/core/index.ts';
import { openDirectoryStore, openWebDirectoryStore } from '../../../pipeline/edge/store/index.ts';
import { buildPublication, type Found, type Publication } from '../../../pipeline/store/index.ts';
import { makeSmallRelease, provenanceType, sbomType, type SmallRelease } from '../../support/small-release.ts';
import { makeTemporaryFolder } from '../files/temporary-folder.ts';
import { codesOf, faultOf, settingsFor, silent } from './settings.ts';

const nodeSetType = 'https://nodeproof.dev/attestation/node-set/v1';
const folder = makeTemporaryFolder();
let runs = 0;
let root: string;
let release: SmallRelease;
let publication: Publication;
beforeAll(async () => {
  release = await makeSmallRelease();
  publication = buildPublication(release.files, [release.artifact]);
});
beforeEach(() => {
  root = join(folder, `${runs++}`);
});

const open = (path = root) => openDirectoryStore(path, 'release');

function typesOf({ bundles }: Found): readonly string[] {
  return bundles.map(({ predicateType }) => String(predicateType)).sort();
}

function contentOf(directory: string): object {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const files = paths.filter((path) => statSync(join(directory, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(directory, path), 'hex')]));
}

const blob = (name: string): string =>
  join(root, 'blobs/sha256', Digest.of('sha256', release.files.get(name) ?? new Uint8Array()).hex);
const index = (digest: Digest): string => join(root, 'sha256', digest.hex, 'index.json');

describe('A directory as a store', () => {
  test('gives bundles back by every digest that they are about', async () => {
    await open().put(publication, silent);
    const all = [nodeSetType, sbomType, provenanceType].sort();
    expect(typesOf(await open().find(release.file))).toEqual(all);
    expect(typesOf(await open().find(release.manifest))).toEqual([provenanceType]);
    expect(typesOf(await open().find(release.identity))).toEqual([nodeSetType]);
    expect(await open().find(Digest.of('sha256', 'another'))).toEqual({ bundles: [], passedOver: [], unread: [] });
  });

  test('holds the artifact and the files of the release under their digests, readable by all', async () => {
    await open().put(publication, silent);
    const path = join(root, 'blobs/sha256', release.file.hex);
    expect(readFileSync(path)).toEqual(release.artifactBytes);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readFileSync(blob('workers.trust-pack.json'))).toEqual(release.files.get('workers.trust-pack.json'));
    expect(readdirSync(root).sort()).toEqual(['blobs', 'sha256']);
  });

  test('writes what it planned, and nothing on a second run', async () => {
    const planned = open().plan(publication);
    const first = await open().put(publication, silent);
    expect(first).toEqual({ written: planned, present: [] });
    const content = contentOf(root);
    expect(await open().put(publication, silent)).toEqual({ written: [], present: planned });
    expect(contentOf(root)).toEqual(content);
  });

  test('is the same whichever of two releases came first', async () => {
    const other = await makeSmallRelease('another sysext');
    const second = buildPublication(other.files, []);
    await open().put(publication, silent);
    await open().put(second, silent);
    const reversed = `${root}-reversed`;
    await open(reversed).put(second, silent);
    await open(reversed).put(publication, silent);
    expect(contentOf(reversed)).toEqual(contentOf(root));
  });

  test('is complete after a second run, wherever the first one was killed', async () => {
    await open().put(publication, silent);
    const wanted = contentOf(root);
    const writes = open().plan(publication).length;
    for (let broken = 0; broken < writes; broken += 2) {
      const interrupted = `${root}-${broken}`;
      let steps = 0;
      const kill = (): void => {
        if (steps++ === broken) throw new Error('killed');
      };
      await expect(open(interrupted).put(publication, kill)).rejects.toThrow('killed');
      await open(interrupted).put(publication, silent);
      expect(contentOf(interrupted)).toEqual(wanted);
    }
  });

  test('repairs a blob whose bytes are not those of its name', async () => {
    await open().put(publication, silent);
    const path = blob('falco.raw.sbom.sigstore.json');
    writeFileSync(path, 'half a bun');
    const { written } = await open().put(publication, silent);
    expect(written.map(({ what }) => what)).toEqual(['falco.raw.sbom.sigstore.json']);
    expect(readFileSync(path)).toEqual(release.files.get('falco.raw.sbom.sigstore.json'));
  });

  test('does not put a changed artifact under the digest it had', async () => {
    const changed = { ...release.artifact, content: new Blob([Buffer.from('changed meanwhile')]) };
    const fault = await faultOf(open().put(buildPublication(release.files, [changed]), silent));
    expect(fault.code).toBe('usage.artifacts');
    expect(readdirSync(join(root, 'blobs/sha256'))).not.toContain(release.file.hex);
  });

  test('leaves an index alone that it cannot read', async () => {
    mkdirSync(join(root, 'sha256', release.file.hex), { recursive: true });
    writeFileSync(index(release.file), 'not ours');
    expect((await faultOf(open().put(publication, silent))).code).toBe('json.syntax');
    expect(readFileSync(index(release.file), 'utf8')).toBe('not ours');
  });

  test('says so where it cannot be written or is not there', async () => {
    writeFileSync(root, '');
    expect((await faultOf(open().put(publication, silent))).code).toBe('file.write');
    expect((await faultOf(open().find(release.file))).code).toBe('file.missing');
  });
});

describe('A directory that lies', () => {
  beforeEach(async () => void (await open().put(publication, silent)));

  test.each([
    ['changed', 'store.digest', (path: string) => writeFileSync(path, 'x'.repeat(statSync(path).size))],
    ['cut short', 'store.digest', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 100))],
    ['longer than it said', 'limit.file-bytes', (path: string) => writeFileSync(path, ' '.repeat(100_000))],
    ['gone', 'store.missing', (path: string) => rmSync(path)],
  ])('by a bundle that is %s hides no other', async (_name, code, change) => {
    change(blob('falco.raw.sbom.sigstore.json'));
    const found = await open().find(release.file);
    expect(typesOf(found)).toEqual([nodeSetType, provenanceType].sort());
    expect(codesOf(found.passedOver)).toEqual(code === 'store.missing' ? [] : [code]);
    expect(codesOf(found.unread)).toEqual(code === 'store.missing' ? [code] : []);
  });

  test('by the index of another digest is not believed', async () => {
    writeFileSync(index(release.identity), readFileSync(index(release.file)));
    expect((await faultOf(open().find(release.identity))).code).toBe('store.index');
  });

  test('by listing bundles about something else is told', async () => {
    const listed = readFileSync(index(release.file), 'utf8').replace(release.file.hex, release.identity.hex);
    writeFileSync(index(release.identity), listed);
    const found = await open().find(release.identity);
    expect(typesOf(found)).toEqual([nodeSetType]);
    expect(codesOf(found.passedOver)).toEqual(['store.subject', 'store.subject']);
  });

  test.each([
    [
      'a path in place of a digest',
      (text: string) =>
        text.replaceAll(/sha256:[0-9a-f]{64}",\n {6}"mediaType/g, '../../etc/passwd",\n      "mediaType'),
    ],
    ['an unknown field', (text: string) => text.replace('"subject"', '"path": "x", "subject"')],
    ['another media type', (text: string) => text.replace('subject-index.v1', 'subject-index.v2')],
    ['two values for one key', (text: string) => text.replace('"bundles"', '"bundles": [], "bundles"')],
    ['nothing', () => ''],
  ])('by an index with %s is refused', async (_name, change) => {
    const path = index(release.file);
    const changed = change(readFileSync(path, 'utf8'));
    expect(changed).not.toBe(readFileSync(path, 'utf8'));
    writeFileSync(path, changed);
    expect((await faultOf(open().find(release.file))).code).toMatch(/^(?:store\.index|json\..*)$/);
  });
});

describe('A directory behind a web server', () => {
  let server: Server;
  let origin: string;
  let served: string;
  let failures: number[];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const status = failures.shift();
      try {
        if (status === undefined) response.end(readFileSync(join(served, (request.url ?? '').replace('/nodes/', ''))));
        else response.writeHead(status, { location: '/elsewhere' }).end();
      } catch {
        response.writeHead(404).end('<html>not found</html>');
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());
  beforeEach(async () => {
    failures = [];
    served = root;
    await open().put(publication, silent);
  });

  const web = () => openWebDirectoryStore(new URL(`${origin}/nodes`), settingsFor());

  test('gives what the directory gives', async () => {
    const [local, remote] = [await open().find(release.file), await web().find(release.file)];
    expect(remote.bundles.map(({ sha256 }) => sha256)).toEqual(local.bundles.map(({ sha256 }) => sha256));
    expect(await web().find(Digest.of('sha256', 'another'))).toEqual({ bundles: [], passedOver: [], unread: [] });
  });

  test('is asked again where it fails in passing', async () => {
    failures = [503, 500];
    expect((await web().find(release.file)).bundles).toHaveLength(3);
  });

  test('that refuses or fails for good is no store without bundles', async () => {
    failures = [403];
    expect((await faultOf(web().find(release.file))).code).toBe('network.denied');
    failures = [500, 500, 500, 500];
    expect((await faultOf(web().find(release.file))).code).toBe('network.status');
  });

  test('hides no bundle behind one that lies', async () => {
    rmSync(blob('falco.raw.sbom.sigstore.json'));
    symlinkSync('/dev/null', blob('falco.raw.sbom.sigstore.json'));
    expect(codesOf((await web().find(release.file)).passedOver)).toEqual(['store.digest']);
  });

  test('takes nothing', async () => {
    expect((await faultOf(web().put(publication, silent))).code).toBe('usage.read-only');
    expect(() => web().plan(publication)).toThrow(/only gives/);
  });
});
