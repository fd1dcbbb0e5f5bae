import { beforeAll, describe, expect, test } from 'vitest';
import { compareText, Digest, Fault } from '../../pipeline/core/index.ts';
import { buildPublication, buildSubjectIndexes, planRegistry } from '../../pipeline/store/index.ts';
import { makeSmallRelease, type SmallRelease } from '../support/small-release.ts';

let release: SmallRelease;
beforeAll(async () => {
  release = await makeSmallRelease();
});

function faultOf(step: () => unknown): Fault {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('no fault');
}

const without = (name: string) => new Map([...release.files].filter(([each]) => each !== name));
const withFile = (name: string, text: string) => new Map(release.files).set(name, Buffer.from(text));

describe('A publication', () => {
  test('is the same whatever the order in which the files come', () => {
    const reversed = new Map([...release.files].reverse());
    const plans = [release.files, reversed].map((files) =>
      planRegistry(buildPublication(files, [release.artifact]), []),
    );
    expect(JSON.stringify(plans[0])).toBe(JSON.stringify(plans[1]));
  });

  test('takes its time from the trust pack, never from a clock', () => {
    expect(buildPublication(release.files, []).createdAt).toBe('2026-11-22T12:00:00Z');
  });

  test('names the artifact as the statements do, whatever the file is called here', () => {
    const { artifacts } = buildPublication(release.files, [{ ...release.artifact, path: '/tmp/renamed' }]);
    expect(artifacts.map(({ fileName, manifestDigest }) => [fileName, manifestDigest])).toEqual([
      ['falco.raw', release.manifest],
    ]);
  });

  test('has the files of the directory as they are, for stores that keep names', () => {
    const files = new Map(release.files).set('workers.summary.md', Buffer.from('# workers'));
    files.set('workers.intoto.jsonl', Buffer.from('{}\n')).set('notes.txt', Buffer.from('mine'));
    const publication = buildPublication(files, [release.artifact]);
    expect(publication.files.map(({ fileName }) => fileName)).toEqual(
      [...release.files.keys(), 'workers.summary.md', 'workers.intoto.jsonl'].sort(compareText),
    );
    const before = buildPublication(release.files, [release.artifact]);
    expect(planRegistry(publication, [])).toEqual(planRegistry(before, []));
    expect(buildSubjectIndexes(publication)).toEqual(buildSubjectIndexes(before));
  });

  test('refuses a directory without bundles', () => {
    expect(faultOf(() => buildPublication(new Map(), [])).code).toBe('usage.bundles');
  });

  test('refuses a directory that lacks a file of its checksums, or has another one', () => {
    expect(faultOf(() => buildPublication(without('falco.raw.cdx.json'), []))).toMatchObject({
      code: 'publication.checksum',
      message: expect.stringContaining('not there') as string,
    });
    const changed = faultOf(() => buildPublication(withFile('falco.raw.cdx.json', '{}'), []));
    expect(changed.code).toBe('publication.checksum');
  });

  test('refuses a bundle that is not one, by the name of its file', () => {
    const files = new Map([['junk.sigstore.json', Buffer.from('{}')]]);
    expect(faultOf(() => buildPublication(files, []))).toMatchObject({
      code: 'bundle.field',
      where: expect.stringContaining('junk.sigstore.json') as string,
    });
  });

  test('refuses an artifact that no bundle is about', () => {
    const stranger = { ...release.artifact, digest: Digest.of('sha256', 'another') };
    expect(faultOf(() => buildPublication(release.files, [stranger])).code).toBe('usage.artifacts');
  });

  test('refuses an artifact of another size than the attested manifest says', () => {
    const longer = { ...release.artifact, sizeBytes: release.artifact.sizeBytes + 1 };
    expect(faultOf(() => buildPublication(release.files, [longer])).code).toBe('usage.artifacts');
  });
});

describe('The index of a directory store', () => {
  test('lists every bundle under every digest that it is about', () => {
    const indexes = buildSubjectIndexes(buildPublication(release.files, [release.artifact]));
    const counts = Object.fromEntries(
      indexes.map(({ subject, bundles, files }) => [subject, [bundles.length, files.length]]),
    );
    expect(counts).toEqual({
      [Digest.format(release.file)]: [3, 2],
      [Digest.format(release.manifest)]: [1, 0],
      [Digest.format(release.identity)]: [1, 1],
    });
  });
});

describe('The plan for a registry', () => {
  test('writes the manifest of a bundle field by field as cosign does', () => {
    const plan = planRegistry(buildPublication(release.files, [release.artifact]), []);
    const provenance = plan.referrers.find(({ what }) => what.includes('provenance'));
    expect(JSON.parse(Buffer.from(provenance?.bytes ?? []).toString())).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        size: 2,
      },
      layers: [
        {
          mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          digest: expect.stringMatching(/^sha256:/) as string,
          size: release.files.get('falco.raw.provenance.sigstore.json')?.byteLength,
        },
      ],
      subject: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: Digest.format(release.manifest),
        size: plan.artifacts[0]?.bytes.byteLength,
      },
      annotations: {
        'dev.sigstore.bundle.content': 'dsse-envelope',
        'dev.sigstore.bundle.predicateType': 'https://slsa.dev/provenance/v1',
        'org.opencontainers.image.created': '2026-11-22T12:00:00Z',
      },
    });
  });

  test('lists bundles under the digests that are no manifests, identities under a tag of their own', () => {
    const { subjectTags, referrersTags } = planRegistry(buildPublication(release.files, [release.artifact]), []);
    const counts = (tags: typeof subjectTags) =>
      Object.fromEntries(tags.map(({ tag, entries }) => [tag, entries.length]));
    // The trust pack is about the identity, and hangs on no manifest.
    expect(counts(subjectTags)).toEqual({ [`sha256-${release.file.hex}`]: 3, [`node-set-${release.identity.hex}`]: 2 });
    const types = subjectTags.flatMap(({ entries }) => entries.map(({ artifactType }) => artifactType));
    expect(types).toContain('application/vnd.nodeproof.trust-pack.v1+json');
    expect(counts(referrersTags)).toEqual({ [`sha256-${release.manifest.hex}`]: 4 });
  });
});
