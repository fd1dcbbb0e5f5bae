import { Digest, Fault, type Finding } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { parseProvenance, type Provenance, provenanceType, sourceCommits } from '../formats/slsa/index.ts';
import { bindingDigests, parseStatement, type Statement } from '../formats/statement/index.ts';
import { parseReference, referenceType } from '../formats/reference/index.ts';
import { bindIdentity, type NodeSet, nodeSetPredicateType, parseNodeSet } from '../release/index.ts';
import type { Anchors } from '../trust/index.ts';
import { judgeSigner, type VerifiedStatement, verifyStatement } from '../verify/index.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeSignatureTime } from './rules/signature-time.ts';
import { revocationPredicateType } from './rules/revocation.ts';
import type { AttestationKind, Policy, Revocation } from './schema.ts';

export const sbomPredicateType = 'https://cyclonedx.org/bom';

/**
 * A bundle and where it came from, for messages; or why it could not be read as one, and the digest that a store offered it
 * for, where it was one.
 */
export type BundleFile = { readonly name: string; readonly bundle: SigstoreBundle } | UnreadableBundle;

export type UnreadableBundle = { readonly name: string; readonly fault: Fault; readonly offeredFor?: Digest };

type ReadableBundle = Extract<BundleFile, { readonly bundle: SigstoreBundle }>;

/** An attestation that counts: its signature is good, its signer may sign this kind, its content binds what it says. */
export type Attestation = {
  readonly name: string;
  readonly kind: AttestationKind;
  readonly verified: VerifiedStatement;
  /** The policy's signer that it counts for. */
  readonly signer: string;
  readonly nodeSet: NodeSet | null;
  readonly identityDigest: Digest | null;
  readonly provenance: Provenance | null;
};

/** One that is a node set, bound to its identity. */
export type NodeSetAttestation = Attestation & { readonly nodeSet: NodeSet; readonly identityDigest: Digest };

export function isNodeSet(attestation: Attestation): attestation is NodeSetAttestation {
  return attestation.nodeSet !== null && attestation.identityDigest !== null;
}

/** A bundle is good for something or says why not. */
export type Assessment =
  | { readonly attestation: Attestation }
  | { readonly name: string; readonly findings: readonly Finding[] };

/** What a bundle claims, unverified: serves to pick the ones worth verifying, never to decide. */
export type Claim = { readonly file: ReadableBundle; readonly statement: Statement };

/** Reads the claims of bundles. What is no statement makes no claim and is left out with its fault. */
export function readClaims(files: readonly BundleFile[]): {
  readonly claims: readonly Claim[];
  readonly unreadable: readonly UnreadableBundle[];
} {
  const claims: Claim[] = [];
  const unreadable: UnreadableBundle[] = [];
  for (const file of files) {
    if ('fault' in file) {
      unreadable.push(file);
      continue;
    }
    try {
      if (file.bundle.content.kind !== 'envelope')
        throw new Fault('bundle.content', `Cannot read ${file.name} as an attestation: it holds a message signature`);
      claims.push({ file, statement: readStatement(file.bundle, file.bundle.content.envelope.payload) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      unreadable.push({ name: file.name, fault: error });
    }
  }
  return { claims, unreadable };
}

const statements = new WeakMap<SigstoreBundle, Statement>();

/** Read once, however many artifacts are judged by the same pack: SBOMs have megabytes. */
function readStatement(bundle: SigstoreBundle, payload: Buffer): Statement {
  const statement = statements.get(bundle) ?? parseStatement(payload);
  statements.set(bundle, statement);
  return statement;
}

export function claimsAbout(claims: readonly Claim[], digest: Digest): readonly Claim[] {
  const index = indexes.get(claims) ?? indexBySubject(claims);
  indexes.set(claims, index);
  return index.get(Digest.format(digest)) ?? [];
}

/** Ten thousand files are looked up among as many bundles. */
const indexes = new WeakMap<readonly Claim[], ReadonlyMap<string, readonly Claim[]>>();

function indexBySubject(claims: readonly Claim[]): ReadonlyMap<string, readonly Claim[]> {
  const index = new Map<string, Claim[]>();
  for (const claim of claims) {
    const digests = claim.statement.subject.flatMap(({ digest }) => bindingDigests(digest).map(Digest.format));
    for (const key of new Set(digests)) {
      const listed = index.get(key);
      if (listed === undefined) index.set(key, [claim]);
      else listed.push(claim);
    }
  }
  return index;
}

/** The kind that a predicate type stands for; `member` is provenance of one sysext, told apart by who asks. */
export function kindOf(predicateType: string): AttestationKind | undefined {
  switch (predicateType) {
    case nodeSetPredicateType:
      return 'node-set';
    case provenanceType:
      return 'provenance';
    case sbomPredicateType:
    case referenceType:
      return 'sbom';
    case revocationPredicateType:
      return 'revocation';
    default:
      return undefined;
  }
}

export type AssessmentContext = {
  readonly policy: Policy;
  readonly anchors: Anchors;
  readonly now: Date;
  /** The policy's own, and those that came signed by who may revoke. */
  readonly revocations: readonly Revocation[];
};

/**
 * Verifies one bundle and decides whether it counts: cryptography under the pinned anchors, a signer that the policy
 * allows for its kind, a signature time that the policy accepts, a predicate that reads and binds.
 *
 * @param allowed signers by name; where the policy gives the kind to nobody, an empty list
 */
export function assessAttestation(
  claim: Claim,
  kind: AttestationKind,
  allowed: readonly string[],
  context: AssessmentContext,
): Assessment {
  const { name } = claim.file;
  try {
    const verified = verifyOnce(claim.file.bundle, context.anchors);
    const provenance = verified.predicateType === provenanceType ? parseProvenance(verified.statement.predicate) : null;
    const nodeSet = verified.predicateType === nodeSetPredicateType ? parseNodeSet(verified.statement.predicate) : null;
    if (verified.predicateType === referenceType) checkSbomReference(verified.statement.predicate);
    const accepted = acceptSigner(verified, provenance, allowed, kind, name, context);
    if ('findings' in accepted) return { name, findings: accepted.findings };
    const identityDigest = nodeSet === null ? null : bindIdentity(nodeSet, verified.statement.subject);
    return {
      attestation: Object.freeze({
        name,
        kind,
        verified,
        signer: accepted.signer,
        nodeSet,
        identityDigest,
        provenance,
      }),
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { name, findings: [findingOf(error, name)] };
  }
}

type Verification = { readonly anchors: Anchors; readonly outcome: VerifiedStatement | Fault };

const verifications = new WeakMap<SigstoreBundle, Verification>();

/** Cryptography takes ten milliseconds, and a bundle is met several times: by each artifact, and as the nearest set. */
function verifyOnce(bundle: SigstoreBundle, anchors: Anchors): VerifiedStatement {
  const known = verifications.get(bundle);
  const outcome = known?.anchors === anchors ? known.outcome : attemptVerification(bundle, anchors);
  verifications.set(bundle, { anchors, outcome });
  if (outcome instanceof Fault) throw outcome;
  return outcome;
}

function attemptVerification(bundle: SigstoreBundle, anchors: Anchors): VerifiedStatement | Fault {
  try {
    return verifyStatement(bundle, anchors);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** A reference stands for an SBOM where it leads to one. Fault: reference.field. */
function checkSbomReference(predicate: Statement['predicate']): void {
  const found = parseReference(predicate).references.map((reference) => reference.mediaType);
  if (found.some((mediaType) => /^application\/vnd\.cyclonedx\+(?:json|xml)(?:;|$)/.test(mediaType))) return;
  throw new Fault('reference.field', `Cannot take the reference for an SBOM: it leads to no CycloneDX document`, {
    where: 'references',
  });
}

/** The first allowed signer that fits; where none does, what the nearest one misses. */
function acceptSigner(
  verified: VerifiedStatement,
  provenance: Provenance | null,
  allowed: readonly string[],
  kind: AttestationKind,
  name: string,
  { policy, now, revocations }: AssessmentContext,
): { readonly signer: string } | { readonly findings: readonly Finding[] } {
  const rules = policy.signers.filter((signer) => allowed.includes(signer.name));
  if (rules.length === 0) return { findings: [kindFinding(kind, name)] };
  // The commit in the provenance must be the certificate's: predicates are the workflow's to fill, certificates are not.
  const signerContext = {
    now: now.toISOString(),
    ...(provenance === null ? {} : { provenanceCommits: sourceCommits(provenance) }),
  };
  let nearest: readonly Finding[] | undefined;
  for (const rule of rules) {
    const findings = [
      ...judgeSigner(rule, verified.signer, signerContext),
      ...judgeSignatureTime(verified, rule.name, {
        // A revocation is as good as on its first day: one that ages would let what it revoked back in.
        maximumAgeDays: kind === 'revocation' ? undefined : policy.maximumSignatureAgeDays,
        revocations,
        now,
      }),
    ];
    if (findings.length === 0) return { signer: rule.name };
    if (nearest === undefined || findings.length < nearest.length) nearest = findings;
  }
  return { findings: nearest ?? [] };
}

function kindFinding(kind: AttestationKind, name: string): Finding {
  return buildFinding(
    'attestation.kind',
    'denied',
    `Cannot count ${name}: the policy lets nobody sign a ${kind} statement for this`,
    {
      field: `allow.${kind}`,
      actual: name,
      expected: 'a signer in the policy',
      next: `List the signer under allow.${kind} in the policy, if it may sign this`,
    },
  );
}

/** A fault in an attestation is a reason not to count it: not authentic. */
export function findingOf(fault: Fault, name: string): Finding {
  return {
    code: fault.code,
    reason: 'untrusted',
    message: `${name}: ${fault.message}`,
    field: fault.where ?? name,
    actual: null,
    expected: null,
    grade: null,
    next: fault.next ?? 'Fetch the attestation again from where it was published',
  };
}
