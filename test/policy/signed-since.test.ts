import { describe, expect, test } from 'vitest';
import type { Json } from '../../pipeline/core/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { emptyState, pickSignedSince, type Situation } from '../../pipeline/policy/index.ts';
import type { NodeIdentity } from '../../pipeline/release/index.ts';
import { openAnchors, parsePublicKey } from '../../pipeline/trust/index.ts';
import {
  honestEvidence,
  identityOf,
  keys,
  makePolicy,
  nodeSetStatement,
  now,
  provenanceStatement,
  revocationStatement,
  signStatement,
} from './red-team-release.ts';

const running = identityOf(await honestEvidence());
const versionOf = (versionId: string): NodeIdentity => ({ ...running, os: { ...running.os, versionId } });
const staged = versionOf('4700.0.0');

const setOf = (identity: NodeIdentity, issuedAt: string) =>
  signStatement(keys.release, nodeSetStatement(identity, { validity: { issuedAt, validUntil: null } }));
const revocation = signStatement(keys.security, revocationStatement({ versionId: '1.2.3', why: 'a hole' }));

/** Ranks of what is offered to an empty pack, in the order in which it is added, each with the place of its first document. */
function rank(offered: readonly object[], own: readonly NodeIdentity[], node: object = {}): readonly string[] {
  const allow = { 'node-set': ['release'], revocation: ['security'], member: { kubernetes: ['builds'] } };
  const { policy } = makePolicy({ allow }, node);
  const publicKeys = Object.values(keys).map(({ pem }) => parsePublicKey(pem));
  const { anchors } = openAnchors(policy.trust, { trustedRoots: [], publicKeys });
  const material = { anchors, missingAnchors: [], bundles: [], pack: null, silences: [] };
  const situation: Situation = { policy, material, state: emptyState, now };
  const files = offered.map((json, at) => ({ name: `${at}`, bundle: parseBundle(json as Json) }));
  const { units } = pickSignedSince(files, own, situation);
  return units.map((unit) => {
    const place = files.findIndex(({ bundle }) => bundle.json === unit.documents[0]?.bundle);
    return `${unit.rank} ${place}`;
  });
}

describe('What was signed since', () => {
  test('goes into a pack in the order of what matters: revocations, sets of the node, others from the newest on', () => {
    const offered = [
      setOf(versionOf('1.0.0'), '2020-01-01T00:00:00Z'),
      setOf(versionOf('2.0.0'), '2021-01-01T00:00:00Z'),
      setOf(running, '2019-01-01T00:00:00Z'),
      setOf(staged, '2018-01-01T00:00:00Z'),
      revocation,
    ];
    const order = ['revocation 4', 'own 2', 'own 3', 'other 1', 'other 0'];
    expect(rank(offered, [running, staged])).toEqual(order);
    expect(rank(offered, [running])).toEqual(['revocation 4', 'own 2', 'other 1', 'other 0', 'other 3']);
  });

  test('of one time has one order, however it was offered', () => {
    const offered = ['1.0.0', '2.0.0', '3.0.0'].map((version) => setOf(versionOf(version), '2020-01-01T00:00:00Z'));
    const versions = (order: readonly object[]) => rank(order, []).map((each) => order[Number(each.split(' ')[1])]);
    expect(versions(offered)).toEqual(versions(offered.toReversed()));
  });

  test('with match: members is own where it has the system of the node, or is about one of its extensions', () => {
    const [member] = running.sysexts;
    const about = (sha256: string) =>
      signStatement(keys.builds, provenanceStatement([{ name: 'kubernetes.raw', digest: { sha256 } }]));
    const offered = [
      about('7'.repeat(64)),
      about(member?.sha256 ?? ''),
      setOf({ ...running, sysexts: [] }, '2020-01-01T00:00:00Z'),
      setOf(staged, '2020-01-01T00:00:00Z'),
    ];
    const order = ['own 2', 'own 1', 'other 3', 'other 0'];
    expect(rank(offered, [running], { match: 'members' })).toEqual(order);
  });
});
