import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Digest, type Json } from '../../pipeline/core/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import {
  encodeStatement,
  imageSha256,
  keys,
  nodeSetStatement,
  provenanceStatement,
  sha256,
  stranger,
  type TestStatement,
} from '../policy/red-team-release.ts';
import { buildElfImage } from '../support/elf-image.ts';
import { asked, bundles, next, nextStatement, nothing, RefreshedNode, revoke, sign } from './refreshed-node.ts';

const node = new RefreshedNode(makeTemporaryFolder());
const { folder, packPath } = node;

beforeEach(() => node.reset());

const texts = (documents: readonly Json[]) => documents.map((document) => JSON.stringify(document));

describe('trust refresh adds', () => {
  test('the node set of the next release, found by an extension that both have', async () => {
    node.offer([bundles.next], [asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, isChanged: true, added: { ...nothing, nodeSets: 1 }, passedOver: [] });
    expect(outcome.identity).toBe(Digest.format(asked.identity));
    expect(outcome.trustPack).toMatchObject({ version: 5, bundles: 2, revocations: 1 });
    const [, added] = node.readPack().bundles as { dsseEnvelope: object }[];
    expect(added?.dsseEnvelope).toEqual((bundles.next as { dsseEnvelope: object }).dsseEnvelope);
  });

  test('the node set of the node itself to a pack that has none, and the node verifies', async () => {
    node.writePack({ bundles: [] });
    expect((await node.verify()).verdict).toBe('refuse');
    node.offer([bundles.own], [asked.identity]);
    expect((await node.refresh()).added).toEqual({ ...nothing, nodeSets: 1 });
    expect(await node.verify()).toEqual({ verdict: 'admit', codes: [] });
  });

  test('a revocation, and the node verifies no more', async () => {
    expect((await node.verify()).verdict).toBe('admit');
    node.offer([bundles.ownRevocation], [asked.revocations]);
    expect((await node.refresh()).added).toEqual({ ...nothing, revocations: 1 });
    expect(await node.verify()).toEqual({ verdict: 'refuse', codes: ['revoked.version'] });
  });

  test.each([
    ['the set that the node runs', asked.identity],
    ['a file of that set', asked.image],
    ['a set that it was led to', asked.next],
  ])('what revokes %s, listed under that', async (_what, subject) => {
    node.offer([bundles.next], [asked.shared]);
    node.offer([sign(keys.security, revoke({ sha256: subject.hex }, subject))], [subject], 'other');
    const { added } = await node.refresh('directory:store', 'directory:other');
    expect(added).toEqual({ ...nothing, nodeSets: 1, revocations: 1 });
  });

  test('the provenance and SBOMs that the policy wants and a set names, and no others', async () => {
    const file = [{ name: 'node.bin', digest: { sha256: imageSha256 } }];
    const statements: readonly TestStatement[] = [
      provenanceStatement(file),
      { predicateType: 'https://cyclonedx.org/bom', subject: file, predicate: { bomFormat: 'CycloneDX' } },
    ];
    const pins = statements.map((statement) => ({
      predicateType: statement.predicateType,
      subject: 'node.bin',
      sha256: sha256(encodeStatement(statement)),
    }));
    const offered = [
      sign(keys.release, nodeSetStatement(next, { statements: pins })),
      ...statements.map((statement) => sign(keys.builds, statement)),
      sign(keys.builds, provenanceStatement(file, 'https://ci.example/another-build')),
    ];
    node.offer(offered, [asked.shared, asked.image]);
    expect(await node.refresh()).toMatchObject({ added: { ...nothing, nodeSets: 1 }, unneeded: 3 });
    node.writePolicy({ require: { provenance: true, sbom: true } });
    expect(await node.refresh()).toMatchObject({ added: { ...nothing, provenance: 1, sboms: 1 }, unneeded: 1 });
    expect(await node.refresh()).toMatchObject({ isChanged: false, unneeded: 1 });
  });

  test('with match: members provenance of an extension by who may attest it', async () => {
    node.writePolicy({ allow: { 'node-set': ['release'], member: { kubernetes: ['builds'] } } }, { match: 'members' });
    const built = provenanceStatement([{ name: 'kubernetes.raw', digest: { sha256: asked.shared.hex } }]);
    node.offer([sign(stranger, built), sign(keys.release, built), sign(keys.builds, built)], [asked.shared]);
    const { added, passedOver } = await node.refresh();
    expect(added).toEqual({ ...nothing, provenance: 1 });
    expect(passedOver.map(({ code }) => code)).toEqual(['attestation.kind', 'signature.no-key']);
  });
});

describe('trust refresh keeps', () => {
  test('what the pack has, in its order, and its name, version and times', async () => {
    const before = node.readPack();
    node.offer([
      bundles.ownRevocation,
      bundles.next,
      sign(keys.release, nodeSetStatement({ ...next, confexts: [] }, {}, [])),
    ]);
    await node.refresh();
    const after = node.readPack();
    expect(texts(after.bundles).slice(0, 1)).toEqual(texts(before.bundles));
    expect(texts(after.revocations).slice(0, 1)).toEqual(texts(before.revocations));
    expect([after.bundles.length, after.revocations.length]).toEqual([3, 2]);
    const factsOf = ({ name, version, issuedAt, expiresAt, trustedRoots, publicKeys }: typeof after) => [
      { name, version, issuedAt, expiresAt, trustedRoots },
      publicKeys.map(({ spkiSha256 }) => spkiSha256),
    ];
    expect(factsOf(after)).toEqual(factsOf(before));
  });

  test('a revocation that the pack has though no store has it any more', async () => {
    node.writePack({ revocations: [bundles.olderRevocation, bundles.ownRevocation] });
    node.offer([bundles.next]);
    await node.refresh();
    expect(await node.verify()).toEqual({ verdict: 'refuse', codes: ['revoked.version'] });
  });

  test('the pack for its owner alone, and leaves nothing beside it', async () => {
    node.offer([bundles.next]);
    const before = readdirSync(folder);
    await node.refresh();
    expect(statSync(packPath).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(before);
  });

  test('the file as it is where there is nothing new', async () => {
    node.offer([bundles.own], [asked.identity, asked.shared]);
    node.offer([bundles.olderRevocation], [asked.revocations]);
    expect(await node.refresh()).toMatchObject({ exit: 0, isChanged: false, added: nothing, passedOver: [] });
    expect(node.isUntouched()).toBe(true);
  });

  test('the file as it is the second time', async () => {
    node.offer([bundles.next, bundles.ownRevocation]);
    await node.refresh();
    const before = readFileSync(packPath);
    node.age();
    expect(await node.refresh()).toMatchObject({ exit: 0, isChanged: false, added: nothing });
    expect([node.isUntouched(), readFileSync(packPath).equals(before)]).toEqual([true, true]);
  });

  test('what it added where node install installs the same pack again', async () => {
    node.writePack({ bundles: [bundles.own] });
    renameSync(packPath, join(folder, 'given.json'));
    writeFileSync(join(folder, 'program'), buildElfImage({ sections: [] }));
    const install = async () => {
      const more = ['--policy', 'policy.yaml', '--trust-pack', 'given.json', '--program', 'program'];
      return (await node.run('node', 'install', '--root', 'installed', ...more)).stdout;
    };
    mkdirSync(join(folder, 'installed'));
    await install();
    renameSync(join(folder, 'installed/var/lib/nodeproof/trust-pack.json'), packPath);
    node.offer([bundles.next, bundles.ownRevocation]);
    await node.refresh();
    renameSync(packPath, join(folder, 'installed/var/lib/nodeproof/trust-pack.json'));
    expect(await install()).not.toContain('changed  ');
    renameSync(join(folder, 'installed/var/lib/nodeproof/trust-pack.json'), packPath);
    expect(node.readPack()).toMatchObject({ bundles: { length: 2 }, revocations: { length: 2 } });
  });
});

/** What a store offers that does not count, and why it is passed over; without a reason it is of no use here. */
const refusals: readonly (readonly [string, Json, string | null])[] = [
  ['a node set by a stranger', sign(stranger, nextStatement), 'signature.no-key'],
  ['a node set by who may sign other things', sign(keys.builds, nextStatement), 'signer.key'],
  [
    'a revocation by who may sign node sets',
    sign(keys.release, revoke({ signer: 'builds' }, asked.revocations)),
    'signer.key',
  ],
  ['a revocation by a stranger', sign(stranger, revoke({ signer: 'release' }, asked.revocations)), 'signature.no-key'],
  [
    'a node set that does not bind its identity',
    sign(keys.release, { ...nextStatement, subject: nextStatement.subject.slice(1) }),
    'node-set.identity-subject',
  ],
  ['a node set whose predicate is none', sign(keys.release, { ...nextStatement, predicate: {} }), 'node-set.field'],
  [
    'a node set as another predicate',
    sign(keys.release, { ...nextStatement, predicateType: 'https://example.com/other' }),
    null,
  ],
  [
    'provenance that the policy does not want',
    sign(keys.builds, provenanceStatement([{ digest: { sha256: imageSha256 } }])),
    null,
  ],
  ['a bundle that is none', { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }, 'bundle.field'],
  ['junk', 7, 'bundle.field'],
];

describe('trust refresh does not take', () => {
  test.each(refusals)('%s', async (_what, bundle, code) => {
    node.offer([bundle], [asked.identity, asked.shared, asked.image, asked.revocations]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, isChanged: false, added: nothing });
    const codes = outcome.passedOver.map((one) => one.code);
    expect(code === null ? outcome.unneeded : codes).toEqual(code === null ? 1 : expect.arrayContaining([code]));
    expect(node.isUntouched()).toBe(true);
  });

  test.each(refusals)('%s, and takes the good ones beside it', async (_what, bundle) => {
    node.offer([bundle, bundles.next, bundles.ownRevocation]);
    expect((await node.refresh()).added).toEqual({ ...nothing, nodeSets: 1, revocations: 1 });
  });
});
