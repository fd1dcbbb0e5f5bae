import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { change, image, kubernetesPath, openMadeNode, stableNode } from '../evidence/made-node.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import {
  honestEvidence,
  identityOf,
  imageSha256,
  keys,
  makePolicy,
  nodeSetStatement,
  provenanceStatement,
  signStatement,
  stranger,
  tryArtifact,
  tryNode,
} from './red-team-release.ts';

const stable = await honestEvidence();
const release = signStatement(keys.release, nodeSetStatement(identityOf(stable)));
const build = signStatement(keys.builds, provenanceStatement([{ digest: { sha256: imageSha256 } }]));
const silences = [{ store: 'oci:registry.example/nodes', fault: new Fault('network.timeout', 'Cannot reach it') }];

const members = { match: 'members', sysexts: { allowed: identityOf(stable).sysexts.map(({ name }) => name) } };

const other = await collectEvidence(
  openMadeNode(
    change(stableNode, {
      [kubernetesPath]: {
        content: Buffer.concat([image('kubernetes.raw'), Buffer.alloc(4096)]),
        inode: 131_080,
        device: '8:9',
      },
    }),
  ),
);

describe('While a store is silent', () => {
  test.each([
    ['an artifact without attestation', () => tryArtifact(imageSha256, makePolicy(), [], { silences })],
    [
      'an artifact without the wanted SBOM',
      () => tryArtifact(imageSha256, makePolicy({ require: { sbom: true } }), [build], { silences }),
    ],
    ['a node without node set', () => tryNode(stable, makePolicy(), [], { silences })],
    ['a node that is near to a signed set', () => tryNode(other, makePolicy(), [release], { silences })],
    [
      'a node with an extension that nobody attested',
      () => tryNode(other, makePolicy({}, members), [release], { silences }),
    ],
    [
      'a node set whose statements are not there',
      () => tryNode(stable, makePolicy({ require: { provenance: true } }), [release], { silences }),
    ],
  ])('%s could not be judged, and is not called unattested', (_name, judge) => {
    const { verdict, exit, findings } = judge();
    expect([verdict, exit, new Set(findings.map(({ reason }) => reason))]).toEqual([
      'refuse',
      4,
      new Set(['unavailable']),
    ]);
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'store.unanswered',
        field: 'oci:registry.example/nodes',
        message: expect.stringContaining('Cannot reach it') as string,
      }),
    );
  });

  test('what is admitted without it is admitted, and the store named', () => {
    for (const outcome of [
      tryNode(stable, makePolicy(), [release], { silences }),
      tryArtifact(imageSha256, makePolicy(), [build], { silences }),
    ]) {
      expect([outcome.verdict, outcome.codes]).toEqual(['admit', []]);
      expect(outcome.ignored.map(({ code }) => code)).toEqual(['store.unanswered']);
    }
  });

  test('what is not authentic, or not what the policy wants, stays so', () => {
    const forged = signStatement(stranger, nodeSetStatement(identityOf(stable)));
    expect(tryNode(stable, makePolicy(), [forged], { silences }).exit).toBe(3);
    expect(tryNode(stable, makePolicy({}, { os: { id: 'debian' } }), [release], { silences }).exit).toBe(1);
    expect(tryNode(stable, makePolicy({ expiresAt: '2026-11-20T00:00:00Z' }), [release], { silences }).exit).toBe(1);
  });
});
