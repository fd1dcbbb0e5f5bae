import * as z from 'zod/mini';
import type { Finding } from '../../core/index.ts';
import { parseWith } from '../../formats/schema/index.ts';
import type { Digest } from '../../core/index.ts';
import type { NodeIdentity } from '../../release/index.ts';
import { type Revocation, revocationSchema } from '../schema.ts';
import { buildFinding } from './finding.ts';

/** A statement that revokes, for a trust pack to carry; the policy says who may sign it. */
export const revocationPredicateType = 'https://nodeproof.dev/attestation/revocation/v1';

const revocationsSchema = z.strictObject({
  revocations: z.array(revocationSchema).check(z.minLength(1), z.maxLength(10_000)),
});

/** Reads the predicate of a revocation statement. Fault: revocation.field. */
export function parseRevocations(predicate: unknown): readonly Revocation[] {
  return parseWith(revocationsSchema, predicate, 'revocation.field', 'revocation statement').revocations;
}

/** Judges an identity against what was revoked by identity, version or member. */
export function judgeRevoked(
  identity: NodeIdentity,
  digest: Digest,
  revocations: readonly Revocation[],
): readonly Finding[] {
  const members = new Set([...identity.sysexts, ...identity.confexts].map((member) => member.sha256));
  return revocations.flatMap((revocation) => {
    const findings: Finding[] = [];
    if (revocation.identityDigest === `sha256:${digest.hex}`)
      findings.push(revoked('revoked.identity', 'identity', revocation.identityDigest, revocation));
    if (revocation.versionId !== undefined && revocation.versionId === identity.os.versionId) {
      findings.push(revoked('revoked.version', 'os.versionId', revocation.versionId, revocation));
    }
    if (revocation.sha256 !== undefined && members.has(revocation.sha256))
      findings.push(revoked('revoked.member', 'sysexts', revocation.sha256, revocation));
    return findings;
  });
}

/** A file that was revoked by its own digest. */
export function judgeRevokedFile(digest: Digest, revocations: readonly Revocation[]): readonly Finding[] {
  return revocations
    .filter((revocation) => revocation.sha256 === digest.hex || revocation.identityDigest === `sha256:${digest.hex}`)
    .map((revocation) => revoked('revoked.member', 'sha256', digest.hex, revocation));
}

function revoked(
  code: 'revoked.identity' | 'revoked.version' | 'revoked.member',
  field: string,
  value: string,
  revocation: Revocation,
): Finding {
  return buildFinding(code, 'denied', `${field} ${value} was revoked: ${revocation.why}`, {
    field,
    actual: value,
    expected: 'not revoked',
    next: 'Take a release that was not revoked',
  });
}
