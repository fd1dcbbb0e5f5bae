import { describe, expect, test } from 'vitest';
import { judgeSigner, verifyStatement } from '../../pipeline/verify/index.ts';
import { faultOf, githubRule, loadVectors } from './vectors.ts';

const vectors = loadVectors();
const now = '2026-01-20T00:00:00Z';

describe('a bundle', () => {
  test.each(vectors.filter((vector) => vector.signer !== undefined))('$name verifies', (vector) => {
    const verified = verifyStatement(vector.bundle, vector.anchors);
    const { signer } = verified;
    expect(signer.kind === 'key' ? signer.name : signer.subjectAlternativeName).toBe(vector.signer);
    expect(signer.signedAt).toHaveLength(vector.times ?? 0);
    const at = vector.name.endsWith('-fraction') ? /\.500Z$/ : /^2026-01-15T12:00:00.000Z$/;
    for (const time of signer.signedAt) expect(time.at).toMatch(at);
    expect(verified.predicateType).toBe('https://nodeproof.dev/attestation/node-set/v1');
    expect(verified.statement.predicate).toEqual({ name: 'demo', note: 'ä' });
  });

  test.each(vectors.filter((vector) => vector.code !== undefined))('$name is refused with $code', (vector) => {
    const fault = faultOf(() => verifyStatement(vector.bundle, vector.anchors));
    expect(fault.code).toBe(vector.code);
    expect(fault.message).toMatch(/^Cannot [^\n]+$/);
  });

  test.each(vectors.filter((vector) => vector.findings !== undefined))(
    '$name verifies, and its signer is refused with $findings',
    (vector) => {
      const { signer } = verifyStatement(vector.bundle, vector.anchors);
      const findings = judgeSigner(githubRule(), signer, { now });
      expect(findings.map((finding) => finding.code)).toEqual(vector.findings);
      for (const finding of findings) {
        expect(finding).toMatchObject({ reason: 'untrusted', expected: expect.any(String), next: expect.any(String) });
      }
    },
  );

  test('has a folder name that says whether it is refused', () => {
    for (const vector of vectors) expect(vector.name.endsWith('_fail')).toBe(vector.signer === undefined);
  });

  test('by the release workflow satisfies the rule that names it', () => {
    const vector = vectors.find(({ name }) => name === 'keyless-rekor-v1')!;
    const { signer } = verifyStatement(vector.bundle, vector.anchors);
    expect(judgeSigner(githubRule(), signer, { now })).toEqual([]);
  });
});
