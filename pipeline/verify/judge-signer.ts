import { type Finding, unreachable } from '../core/index.ts';
import { type CertificateRule, type GithubRule, matchesGlob, type SignerRule } from '../trust/index.ts';
import type { FindingCode } from './finding-codes.ts';
import { refuse } from './refuse.ts';
import type { CertificateSigner, KeySigner, Signer } from './signer.ts';
import type { Verified } from './verified.ts';

/** What else a signer is judged by. */
export type SignerContext = {
  /** The time of the verification, RFC 3339: decides for a key whose signature has no authenticated time. */
  readonly now: string;
  /** The commits that the provenance names, where the statement is one. The certificate's must be among them. */
  readonly provenanceCommits?: readonly string[];
};

/**
 * Judges a verified signer by one rule of the policy, field by field; no findings: it is this signer. Names and ids come
 * from the certificate, never from the predicate, which the build itself may write.
 */
export function judgeSigner(rule: SignerRule, signer: Verified<Signer>, context: SignerContext): readonly Finding[] {
  switch (rule.kind) {
    case 'key':
      return signer.kind === 'key' ? judgeKey(rule.key, signer, context.now) : [wrongKind(signer, `key ${rule.key}`)];
    case 'certificate':
      if (signer.kind === 'key') return [wrongKind(signer, rule.certificate.identity)];
      return [...judgeRoot(rule.root, signer), ...judgeIdentity(rule.certificate, signer)];
    case 'github':
      if (signer.kind === 'key') return [wrongKind(signer, rule.github.builder)];
      return [
        ...judgeRoot(rule.root, signer),
        ...judgeGithub(rule.github, signer),
        ...judgeCommit(signer, context.provenanceCommits),
      ];
    default:
      return unreachable(rule);
  }
}

function wrongKind(signer: Signer, expected: string): Finding {
  const actual = signer.kind === 'key' ? `key ${signer.name}` : signer.subjectAlternativeName;
  return refuse('signer.kind', 'signer', actual, expected, 'Use the bundle that the expected signer made');
}

function judgeRoot(root: string, signer: CertificateSigner): readonly Finding[] {
  if (signer.roots.includes(root)) return [];
  return [
    refuse(
      'signer.root',
      'root',
      signer.roots.join(', '),
      root,
      'Name the root that vouches for this signer in the rule',
    ),
  ];
}

function judgeIdentity(rule: CertificateRule, signer: CertificateSigner): readonly Finding[] {
  const findings: Finding[] = [];
  if (signer.issuer !== rule.issuer) findings.push(refuse('signer.issuer', 'issuer', signer.issuer, rule.issuer));
  if (signer.subjectAlternativeName !== rule.identity) {
    findings.push(refuse('signer.identity', 'identity', signer.subjectAlternativeName, rule.identity));
  }
  return findings;
}

type Comparison = {
  readonly code: FindingCode;
  readonly field: string;
  readonly actual: string | null;
  readonly expected: string;
  readonly matches: boolean;
};

/** Fulcio's extensions against the rule, one row per field (fulcio, docs/oid-info.md). An absent extension matches nothing. */
function judgeGithub(rule: GithubRule, signer: CertificateSigner): readonly Finding[] {
  const claims = signer.github;
  const rows: readonly (Comparison | null)[] = [
    exact('signer.issuer', 'issuer', signer.issuer, rule.issuer),
    glob('signer.builder', 'builder', signer.subjectAlternativeName, rule.builder),
    // The subject is the builder's URI on GitHub; a certificate in which the two differ is none of GitHub's.
    exact('signer.builder', 'builder', claims.buildSignerUri, signer.subjectAlternativeName),
    glob('signer.caller', 'caller', claims.buildConfigUri, rule.caller),
    exact('signer.repository', 'repository.name', claims.sourceRepositoryUri, `${rule.server}/${rule.repository.name}`),
    optional('signer.repository-id', 'repository.id', claims.sourceRepositoryId, rule.repository.id),
    exact('signer.owner', 'owner.name', claims.sourceRepositoryOwnerUri, `${rule.server}/${rule.owner.name}`),
    optional('signer.owner-id', 'owner.id', claims.sourceRepositoryOwnerId, rule.owner.id),
    glob('signer.ref', 'ref', claims.sourceRepositoryRef, rule.ref),
    oneOf('signer.trigger', 'triggers', claims.buildTrigger, rule.triggers),
    exact('signer.runner-environment', 'runnerEnvironment', claims.runnerEnvironment, rule.runnerEnvironment),
    optional('signer.environment', 'environment', claims.deploymentEnvironment, rule.environment),
  ];
  return rows.flatMap((row) =>
    row === null || row.matches ? [] : refuse(row.code, row.field, row.actual, row.expected),
  );
}

function exact(code: Comparison['code'], field: string, actual: string | null, expected: string): Comparison {
  return { code, field, actual, expected, matches: actual === expected };
}

function glob(code: Comparison['code'], field: string, actual: string | null, expected: string): Comparison {
  return { code, field, actual, expected, matches: actual !== null && matchesGlob(expected, actual) };
}

/** A field that the rule leaves out is not compared. */
function optional(
  code: Comparison['code'],
  field: string,
  actual: string | null,
  expected: string | undefined,
): Comparison | null {
  return expected === undefined ? null : exact(code, field, actual, expected);
}

function oneOf(code: Comparison['code'], field: string, actual: string | null, allowed: readonly string[]): Comparison {
  return { code, field, actual, expected: allowed.join(', '), matches: actual !== null && allowed.includes(actual) };
}

/** A reusable workflow can be told to build any commit: the provenance must name the one that the certificate names. */
function judgeCommit(signer: CertificateSigner, commits: readonly string[] | undefined): readonly Finding[] {
  const certified = signer.github.sourceRepositoryDigest;
  if (commits === undefined || (certified !== null && commits.includes(certified))) return [];
  const expected = certified ?? 'a commit in the certificate';
  return [
    refuse('signer.commit', 'commit', commits.join(', ') || null, expected, 'The provenance is about another build'),
  ];
}

/** Judges that it is this key, and that it signed in its time. */
export function judgeKey(name: string, signer: KeySigner, now: string): readonly Finding[] {
  if (signer.name !== name) return [refuse('signer.key', 'key', signer.name, name)];
  // Without an authenticated time the signature may have been made at any time up to now.
  const times = signer.signedAt.length === 0 ? [now] : signer.signedAt.map((time) => time.at);
  return times.flatMap((time) => judgeKeyTime(signer, time)).slice(0, 1);
}

function judgeKeyTime(signer: KeySigner, time: string): readonly Finding[] {
  const { validFrom, validUntil } = signer;
  // Written so that a time that is none (NaN) is outside.
  if (!(Date.parse(time) <= Date.parse(validUntil))) {
    const next = 'Have it signed with the current key; with a timestamp, a signature outlives its key';
    return [refuse('signer.key-expired', 'key', time, `until ${validUntil}`, next)];
  }
  if (validFrom !== null && !(Date.parse(time) >= Date.parse(validFrom))) {
    return [refuse('signer.key-not-yet-valid', 'key', time, `from ${validFrom}`)];
  }
  return [];
}
