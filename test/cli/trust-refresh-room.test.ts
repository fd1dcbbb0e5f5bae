import { beforeEach, describe, expect, test } from 'vitest';
import { type Json, limits } from '../../pipeline/core/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { encodeStatement, imageSha256, keys, nodeSetStatement, sha256 } from '../policy/red-team-release.ts';
import { asked, bundles, identity, next, nothing, RefreshedNode, sign } from './refreshed-node.ts';

const node = new RefreshedNode(makeTemporaryFolder());
beforeEach(() => node.reset());

/** Releases long before the one that the node runs, with an extension of the same bytes. */
const older = ['4000.1.0', '4000.2.0'].map((versionId, at) =>
  sign(
    keys.release,
    nodeSetStatement(
      { ...next, os: { ...next.os, versionId } },
      { name: `workers-${versionId}`, validity: { issuedAt: `2025-0${at + 1}-01T00:00:00Z`, validUntil: null } },
    ),
  ),
);

/** So many bundles that do not count: all of them stay. */
function fill(count: number, ...own: readonly Json[]): void {
  node.writePack({ bundles: [...own, ...Array.from({ length: count - own.length }, () => ({}))] });
}

const otherRoom = limits.trustPackBundles - limits.trustPackBundlesForOwn;

describe('A pack with room for one bundle', () => {
  beforeEach(() => fill(limits.trustPackBundles - 1));

  test('takes the revocation of one store, whatever sets of other releases another store has', async () => {
    node.offer(older, [asked.shared], 'other');
    node.offer([bundles.ownRevocation], [asked.revocations]);
    const outcome = await node.refresh('directory:other', 'directory:store');
    expect(outcome).toMatchObject({ exit: 0, isChanged: true, added: { ...nothing, revocations: 1 } });
    expect(outcome.leftOut).toEqual({ needed: 0, others: 2 });
  });

  test('takes the node set of the node, and leaves out those of other releases', async () => {
    node.offer([...older, bundles.own, bundles.next], [asked.identity, asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, added: { ...nothing, nodeSets: 1 }, leftOut: { needed: 0, others: 3 } });
    expect((await node.verify()).verdict).toBe('admit');
  });

  test('tells people what is left out', async () => {
    node.offer([...older, bundles.own], [asked.identity, asked.shared]);
    const { stdout } = await node.attempt('--from', 'directory:store');
    expect(stdout).toMatch(/^ {2}left out {5}2 of other releases: /m);
  });

  test('is left as it is where only sets of other releases are offered', async () => {
    node.offer(older, [asked.shared]);
    expect(await node.refresh()).toMatchObject({ exit: 0, isChanged: false, leftOut: { needed: 0, others: 2 } });
    expect(node.isUntouched()).toBe(true);
  });
});

describe('A pack that is full', () => {
  test('lacks the node set of the node: exit 4, and nothing is written', async () => {
    fill(limits.trustPackBundles);
    node.offer([bundles.own], [asked.identity]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 4, isChanged: false, leftOut: { needed: 1, others: 0 } });
    expect(node.isUntouched()).toBe(true);
    const { exit, stdout } = await node.attempt('--from', 'directory:store');
    expect([exit, stdout]).toEqual([4, expect.stringMatching(/^ {2}no room {5}for 1 of what this node needs: /m)]);
  });

  test('of bundles still takes revocations', async () => {
    fill(limits.trustPackBundles);
    node.offer([bundles.ownRevocation], [asked.revocations]);
    expect(await node.refresh()).toMatchObject({ exit: 0, added: { ...nothing, revocations: 1 } });
  });

  test('of revocations takes no more of them, and says so', async () => {
    node.writePack({ revocations: Array.from({ length: limits.trustPackBundles }, () => ({})) });
    node.offer([bundles.ownRevocation, bundles.next], [asked.revocations, asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 4, added: { ...nothing, nodeSets: 1 }, leftOut: { needed: 1, others: 0 } });
  });
});

describe('Sets of other releases', () => {
  test('leave room for what the node will need, and the newest one is taken first', async () => {
    fill(otherRoom - 1);
    node.offer([...older, bundles.next], [asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 0, added: { ...nothing, nodeSets: 1 }, leftOut: { needed: 0, others: 2 } });
    expect(JSON.stringify(node.readPack().bundles.at(-1))).toContain((bundles.next as Signed).dsseEnvelope.payload);
  });

  test('below the version that the policy wants at least are not needed; that of the node itself is', async () => {
    node.writePack({ bundles: [] });
    node.writePolicy({}, { os: { id: 'flatcar', versionFloor: '4700.0.0' } });
    node.offer([...older, bundles.own, bundles.next], [asked.identity, asked.shared]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({
      added: { ...nothing, nodeSets: 2 },
      unneeded: 2,
      leftOut: { needed: 0, others: 0 },
    });
  });
});

type Signed = { readonly dsseEnvelope: { readonly payload: string } };

describe('A set and the statements that the policy wants of it', () => {
  const sbom = (at: number) => ({
    predicateType: 'https://cyclonedx.org/bom',
    subject: [{ name: 'node.bin', digest: { sha256: imageSha256 } }],
    predicate: { bomFormat: 'CycloneDX', at },
  });
  const setWith = (name: string, ...statements: readonly number[]) =>
    sign(
      keys.release,
      nodeSetStatement(identity, {
        name,
        statements: statements.map((at) => ({
          predicateType: sbom(at).predicateType,
          subject: 'node.bin',
          sha256: sha256(encodeStatement(sbom(at))),
        })),
      }),
    );
  beforeEach(() => node.writePolicy({ require: { sbom: true } }));

  test('are added together or not at all', async () => {
    fill(limits.trustPackBundles - 2);
    const statements = [0, 1].map((at) => sign(keys.builds, sbom(at)));
    node.offer([setWith('large', 0, 1), setWith('small', 0), ...statements], [asked.identity, asked.image]);
    const outcome = await node.refresh();
    expect(outcome).toMatchObject({ exit: 4, added: { ...nothing, nodeSets: 1, sboms: 1 } });
    expect(outcome.leftOut).toEqual({ needed: 1, others: 0 });
  });

  test('may be shared by two sets, and are in the pack once', async () => {
    const offered = [setWith('one', 0), setWith('two', 0), sign(keys.builds, sbom(0))];
    node.offer(offered, [asked.identity, asked.image]);
    expect((await node.refresh()).added).toEqual({ ...nothing, nodeSets: 2, sboms: 1 });
    expect(node.readPack().bundles).toHaveLength(4);
  });

  test('are added to a set that the pack has', async () => {
    node.writePack({ bundles: [setWith('one', 0)] });
    node.offer([sign(keys.builds, sbom(0))], [asked.image]);
    expect((await node.refresh()).added).toEqual({ ...nothing, sboms: 1 });
  });
});
