import * as z from 'zod/mini';
import type { Finding } from '../../core/index.ts';
import { parseWith } from '../../formats/schema/index.ts';
import type { Digest } from '../../core/index.ts';
import type { Subject } from '../../formats/statement/index.ts';
import type { NodeIdentity, NodeSet } from '../../release/index.ts';
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

/** What a verdict stands on and a revocation can name. */
export type Revocable = {
  /** In hexadecimal. */
  readonly identityDigests: ReadonlySet<string>;
  readonly versionIds: ReadonlySet<string | null>;
  /** SHA-256 of files. */
  readonly files: ReadonlySet<string>;
};

/**
 * What of a node set can be revoked: itself, its version, and its files. With `match: members` the node answers for its
 * extensions itself, so that one that was replaced does not revoke the operating system beside it.
 */
export function revocableSet(
  { identity }: NodeSet,
  digest: Digest,
  subjects: readonly Subject[],
  match: 'set' | 'members',
): Revocable {
  const files = subjects.flatMap(({ digest: { sha256 }, annotations }) => {
    const role = annotations?.['role'];
    const isExtension = role === 'sysext' || role === 'confext';
    return sha256 === undefined || (isExtension && match === 'members') ? [] : [sha256];
  });
  return {
    identityDigests: new Set([digest.hex]),
    versionIds: new Set([identity.os.versionId]),
    files: new Set([...files, ...(match === 'set' ? memberFiles(identity) : [])]),
  };
}

export function revocableIdentity(identity: NodeIdentity, digest: Digest): Revocable {
  return {
    identityDigests: new Set([digest.hex]),
    versionIds: new Set([identity.os.versionId]),
    files: new Set(memberFiles(identity)),
  };
}

function memberFiles({ sysexts, confexts }: NodeIdentity): readonly string[] {
  return [...sysexts, ...confexts].map((member) => member.sha256);
}

/** Judges against what was revoked by identity, version or file. Each revocation is told once. */
export function judgeRevoked(what: readonly Revocable[], revocations: readonly Revocation[]): readonly Finding[] {
  return revocations.flatMap((revocation) => {
    const { identityDigest, versionId, sha256 } = revocation;
    const findings: Finding[] = [];
    if (identityDigest !== undefined && what.some((one) => one.identityDigests.has(identityDigest.slice(7))))
      findings.push(revoked('revoked.identity', 'identity', identityDigest, revocation));
    if (versionId !== undefined && what.some((one) => one.versionIds.has(versionId)))
      findings.push(revoked('revoked.version', 'os.versionId', versionId, revocation));
    if (sha256 !== undefined && what.some((one) => one.files.has(sha256)))
      findings.push(revoked('revoked.member', 'files', sha256, revocation));
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
