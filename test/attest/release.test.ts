import { beforeAll, describe, expect, it } from 'vitest';
import {
  attestRelease,
  parseSigningConfig,
  type Release,
  selectServices,
  type Signer,
} from '../../pipeline/attest/index.ts';
import { Digest, type Json } from '../../pipeline/core/index.ts';
import { buildKeylessSigner, givenIdentityToken } from '../../pipeline/edge/sigstore/index.ts';
import { parseReference, referenceType } from '../../pipeline/formats/reference/index.ts';
import { parseProvenance, provenanceType } from '../../pipeline/formats/slsa/index.ts';
import { parseStatement, type Statement } from '../../pipeline/formats/statement/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { checkExternalParameters } from '../../pipeline/provenance/index.ts';
import {
  bindIdentity,
  identityDigest,
  nodeSetPredicateType,
  ociManifestDigest,
  parseNodeSet,
} from '../../pipeline/release/index.ts';
import { parseTrustedRootCandidate, parseTrustPack } from '../../pipeline/trust/index.ts';
import { compileStrictSchema } from '../support/cyclonedx-schema.ts';
import { openLoopbackSigstore } from '../support/loopback-sigstore/index.ts';
import { type DemoArtifacts, keySigner, makeKey, readDemoArtifacts, releaseOf } from './demo-release.ts';

let artifacts: DemoArtifacts;
let release: Release;
beforeAll(async () => {
  artifacts = await readDemoArtifacts();
  release = await attestRelease(releaseOf(artifacts), keySigner());
});

type Signed = { readonly name: string; readonly bytes: Uint8Array; readonly statement: Statement };

function payloadOf(bytes: Uint8Array): Buffer {
  const { content } = parseBundle(bytes);
  if (content.kind !== 'envelope') throw new Error('Cannot read a message signature');
  return content.envelope.payload;
}

function signedFiles({ files }: Release): readonly Signed[] {
  return [...files]
    .filter(([name]) => name.endsWith('.sigstore.json'))
    .map(([name, bytes]) => ({ name, bytes, statement: parseStatement(payloadOf(bytes)) }));
}

const textOf = (from: Release, name: string) => Buffer.from(from.files.get(name) ?? '').toString('utf8');
const faultOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => ({ code: 'none', message: '' }),
    (error: unknown) => error as { code: string; message: string },
  );
const attest = (change: Parameters<typeof releaseOf>[1], signer: Signer = keySigner()) =>
  attestRelease(releaseOf(artifacts, change), signer);

describe('a release', () => {
  it('has for each member an SBOM, its statement and provenance, and for the set what product users look for', () => {
    const members = [
      'flatcar_production_image.bin',
      'flatcar_production_image.bin.containerd-flatcar.raw',
      'flatcar_production_image.bin.docker-flatcar.raw',
      'kubernetes-v1.34.2-x86-64.raw',
      'falco.raw',
    ];
    expect([...release.files.keys()].sort()).toEqual(
      [
        ...members.flatMap((name) => [
          `${name}.cdx.json`,
          `${name}.sbom.sigstore.json`,
          `${name}.provenance.sigstore.json`,
        ]),
        ...['node-set.sigstore.json', 'intoto.jsonl', 'trust-pack.json', 'summary.md'].map(
          (end) => `workers-4593.2.5.${end}`,
        ),
        'SHA256SUMS',
      ].sort(),
    );
    expect(release.statements).toBe(11);
  });

  it('is made of bundles v0.3 whose statements our own schemas read, each in the lines of the set, too', () => {
    const lines = textOf(release, 'workers-4593.2.5.intoto.jsonl').trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    for (const { bytes, statement } of signedFiles(release)) {
      const text = Buffer.from(bytes).toString('utf8').trimEnd();
      expect(JSON.parse(text)).toMatchObject({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' });
      expect(lines).toContain(text);
      if (statement.predicateType === nodeSetPredicateType) parseNodeSet(statement.predicate);
      if (statement.predicateType === provenanceType) {
        const { buildDefinition } = parseProvenance(statement.predicate);
        expect(checkExternalParameters(buildDefinition.externalParameters)).toBeUndefined();
      }
    }
  });

  it('pins in its node set every other statement, and is bound to the identity by its subject', () => {
    const signed = signedFiles(release);
    const nodeSetStatement = signed.find(
      ({ statement }) => statement.predicateType === nodeSetPredicateType,
    )?.statement;
    const nodeSet = parseNodeSet(nodeSetStatement?.predicate);
    const others = signed.filter(({ statement }) => statement.predicateType !== nodeSetPredicateType);
    const payloads = others.map(({ bytes }) => Digest.of('sha256', payloadOf(bytes)).hex);
    expect(nodeSet.statements.map(({ sha256 }) => sha256).sort()).toEqual(payloads.sort());
    expect(bindIdentity(nodeSet, nodeSetStatement?.subject ?? [])).toEqual(release.identityDigest);
    expect(identityDigest(nodeSet.identity)).toEqual(release.identityDigest);
    expect(nodeSetStatement?.subject.map(({ annotations }) => annotations?.['role'])).toEqual([
      'identity',
      'node-image',
      'update-payload',
      'kernel',
      'sysext',
      'sysext',
      'sysext',
      'sysext',
    ]);
    expect(nodeSet.identity.sysexts.map(({ name, rootHash }) => [name, rootHash !== null])).toEqual([
      ['containerd-flatcar', false],
      ['docker-flatcar', false],
      ['falco', true],
      ['kubernetes', false],
    ]);
  });

  it('names in the provenance of a member the manifest under which it is pushed', () => {
    const { kubernetes } = artifacts;
    const provenance = signedFiles(release).find(
      ({ name }) => name === `${kubernetes.fileName}.provenance.sigstore.json`,
    );
    const manifest = ociManifestDigest({
      kind: 'sysext',
      fileName: kubernetes.fileName,
      sha256: kubernetes.digests[0].hex,
      sizeBytes: kubernetes.sizeBytes,
    });
    expect(provenance?.statement.subject.map(({ digest }) => digest['sha256'])).toEqual([
      kubernetes.digests[0].hex,
      manifest.hex,
    ]);
  });

  it('says of a built-in extension which image it was taken out of, and where it lay there', () => {
    const name = 'flatcar_production_image.bin.docker-flatcar.raw.provenance.sigstore.json';
    const provenance = parseProvenance(
      signedFiles(release).find((one) => one.name === name)?.statement.predicate ?? {},
    );
    expect(provenance.buildDefinition.resolvedDependencies).toEqual([
      {
        name: artifacts.image.fileName,
        uri: 'file:flatcar_production_image.bin',
        digest: { sha256: artifacts.image.digests[0].hex },
        annotations: { nodeproof_verified: true, path: '/usr/share/flatcar/sysext/docker-flatcar.raw' },
      },
    ]);
  });

  it('has SBOMs that the strict schema of CycloneDX 1.6 accepts, in the file and in the statement alike', () => {
    const check = compileStrictSchema('1.6');
    const sboms = [...release.files].filter(([name]) => name.endsWith('.cdx.json'));
    expect(sboms).toHaveLength(5);
    for (const [name, bytes] of sboms) {
      const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
      expect(check(document)).toBeNull();
      const statement = signedFiles(release).find(
        (one) => one.name === name.replace('.cdx.json', '.sbom.sigstore.json'),
      );
      expect(statement?.statement.predicate).toEqual(document);
    }
  });

  it('has checksums of every file that was given and made', () => {
    const lines = textOf(release, 'SHA256SUMS')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('  ') as [string, string]);
    const sums = new Map(lines.map(([hex, name]) => [name, hex]));
    for (const [name, bytes] of release.files) {
      if (name !== 'SHA256SUMS') expect(sums.get(name)).toBe(Digest.of('sha256', bytes).hex);
    }
    for (const { fileName, digests } of [artifacts.image, artifacts.kubernetes, artifacts.falco])
      expect(sums.get(fileName)).toBe(digests[0].hex);
    expect(sums.size).toBe(release.files.size - 1 + 3);
  });

  it('has a trust pack with all bundles and the key', () => {
    const pack = parseTrustPack(release.files.get('workers-4593.2.5.trust-pack.json') ?? new Uint8Array());
    expect(pack.bundles).toHaveLength(11);
    expect(pack.publicKeys).toHaveLength(1);
  });

  it('has a summary in which no name from an image becomes markup', async () => {
    const name = 'a|b`c<img>.raw';
    const { files } = await attest({ sysexts: [{ ...artifacts.falco, fileName: name }] });
    const summary = Buffer.from(files.get('workers-4593.2.5.summary.md') ?? '').toString('utf8');
    expect(summary).toContain('| `a b c<img>.raw` |');
    expect(summary.replaceAll(/`[^`]*`/g, '')).not.toContain('<img>');
  });

  it('is the same bytes for the same input, bundles too where the signature has no chance in it', async () => {
    const pem = makeKey();
    const [first, second] = [
      await attest({}, keySigner(pem)),
      await attest({ sysexts: [artifacts.falco, artifacts.kubernetes] }, keySigner(pem)),
    ];
    expect([...second.files.keys()].sort()).toEqual([...first.files.keys()].sort());
    const again = await attest({}, keySigner(pem));
    for (const [name, bytes] of first.files) expect([name, again.files.get(name)]).toEqual([name, bytes]);
    // Not even the order of the options shows in what is said of a member.
    for (const { name, bytes } of signedFiles(first)) {
      const other = second.files.get(name);
      if (!name.includes('node-set')) expect([name, other]).toEqual([name, bytes]);
    }
  });

  it('has the same payloads where the signature is a new one each time', async () => {
    const pem = makeKey('p256');
    const [first, second] = [await attest({}, keySigner(pem)), await attest({}, keySigner(pem))];
    const payloads = (from: Release) =>
      signedFiles(from).map(({ name, bytes }) => [name, payloadOf(bytes).toString('utf8')]);
    expect(payloads(second)).toEqual(payloads(first));
    for (const [name, bytes] of first.files) {
      if (/\.cdx\.json$|\.summary\.md$/.test(name)) expect(second.files.get(name)).toEqual(bytes);
    }
  });

  it('refers to an SBOM that is larger than stores take, and pins it by digest', async () => {
    const small = await attest({ storedStatementBytes: 16 * 1024 });
    const byType = Map.groupBy(signedFiles(small), ({ statement }) => statement.predicateType);
    const [reference, ...others] = byType.get(referenceType) ?? [];
    expect(others).toEqual([]);
    expect(byType.get('https://cyclonedx.org/bom')).toHaveLength(4);
    const [target] = parseReference(reference?.statement.predicate ?? {}).references;
    const file = small.files.get('flatcar_production_image.bin.cdx.json') ?? new Uint8Array();
    expect(target).toMatchObject({
      mediaType: 'application/vnd.cyclonedx+json',
      downloadLocation: './flatcar_production_image.bin.cdx.json',
      digest: { sha256: Digest.of('sha256', file).hex },
    });
    expect(reference?.statement.subject[0]?.digest['sha256']).toBe(artifacts.image.digests[0].hex);
  });
});

describe('a set that contradicts itself is refused', () => {
  it('where an extension is for another release of the OS', async () => {
    const os = { ...artifacts.image.os, versionId: '4593.2.6' };
    expect(await faultOf(attest({ image: { ...artifacts.image, os } }))).toMatchObject({
      code: 'attest.extension-release',
      message: expect.stringContaining('VERSION_ID is 4593.2.5, want 4593.2.6') as string,
    });
  });

  it('where all programs of an extension are for another machine, whatever it declares', async () => {
    const { kubernetes } = artifacts;
    const files = kubernetes.inventory.files.map((file) => ({ ...file, architecture: file.architecture && 'arm64' }));
    expect(
      await faultOf(attest({ sysexts: [{ ...kubernetes, inventory: { ...kubernetes.inventory, files } }] })),
    ).toMatchObject({
      code: 'attest.architecture',
      message: expect.stringContaining('are for arm64, want x86-64') as string,
    });
  });

  it('where two members have one name', async () => {
    const { falco, kubernetes } = artifacts;
    expect(await faultOf(attest({ sysexts: [falco, { ...kubernetes, name: 'falco' }] }))).toMatchObject({
      code: 'identity.name-twice',
    });
    expect(await faultOf(attest({ sysexts: [{ ...falco, name: 'docker-flatcar' }] }))).toMatchObject({
      code: 'identity.name-twice',
    });
  });

  it('where two of its files have one name', async () => {
    const { falco, kubernetes, image } = artifacts;
    const [sha256] = image.digests;
    const shipped = { fileName: image.fileName, sizeBytes: 1, sha256, digests: [sha256] };
    for (const change of [{ sysexts: [falco, { ...kubernetes, fileName: falco.fileName }] }, { shipped }])
      expect(await faultOf(attest(change))).toMatchObject({ code: 'attest.file-name' });
  });

  it.each(['', '.hidden', 'a\nb.raw', 'a\\b', 'a\u202Eb.raw', 'x'.repeat(201)])(
    'where a file is named %j, which a list of checksums could be misread for',
    async (fileName) => {
      expect(await faultOf(attest({ sysexts: [{ ...artifacts.falco, fileName }] }))).toMatchObject({
        code: 'attest.file-name',
      });
    },
  );
});

describe('a bundle that does not verify is not released', () => {
  const broken = (change: (bundle: Record<string, never>) => void): Signer => {
    const signer = keySigner();
    return {
      by: signer.by,
      signStatement: async (statement, type) => {
        const bundle = JSON.parse(Buffer.from(await signer.signStatement(statement, type)).toString('utf8')) as never;
        change(bundle);
        return Buffer.from(JSON.stringify(bundle));
      },
    };
  };
  type Envelope = { dsseEnvelope: { payload: string; signatures: { sig: string }[] } };

  it('where the signature was altered', async () => {
    const signer = broken((bundle: Record<string, never> & Partial<Envelope>) => {
      const [signature] = bundle.dsseEnvelope?.signatures ?? [];
      if (signature !== undefined) signature.sig = Buffer.alloc(64, 7).toString('base64');
    });
    expect(await faultOf(attest({}, signer))).toMatchObject({ code: 'attest.unverifiable' });
  });

  it('where it holds another statement', async () => {
    const signer = broken((bundle: Record<string, never> & Partial<Envelope>) => {
      if (bundle.dsseEnvelope !== undefined) bundle.dsseEnvelope.payload = Buffer.from('{}').toString('base64');
    });
    expect(await faultOf(attest({}, signer))).toMatchObject({
      code: 'attest.unverifiable',
      message: expect.stringContaining('holds another statement') as string,
    });
  });

  it('where another key signed than the one that says so', async () => {
    const signer: Signer = { ...keySigner(), by: keySigner().by };
    expect(await faultOf(attest({}, signer))).toMatchObject({ code: 'attest.unverifiable' });
  });

  it('where it is keyless and the given root is that of another Sigstore', async () => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    await using other = await openLoopbackSigstore({ rekor: 'v2' });
    const root = (from: typeof sigstore) => parseTrustedRootCandidate(Buffer.from(JSON.stringify(from.trustedRoot)));
    const services = selectServices(
      parseSigningConfig(Buffer.from(JSON.stringify(sigstore.signingConfig))),
      new Date(),
      {
        certificateAuthority: true,
      },
    );
    const signer = buildKeylessSigner(
      services,
      givenIdentityToken(sigstore.token(), () => new Date()),
    );
    const small = { builtIn: [], sysexts: [] };
    expect(await faultOf(attest({ ...small, trustedRoots: [root(other)] }, signer))).toMatchObject({
      code: 'attest.unverifiable',
    });
    const good = await attest({ ...small, trustedRoots: [root(sigstore)] }, signer);
    expect(good.isVerified).toBe(true);
    expect((await attest(small, signer)).isVerified).toBe(false);
  });
});
