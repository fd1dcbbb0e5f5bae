import { Digest, type Finding } from '../core/index.ts';
import type { SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import type { StatementReference } from '../release/index.ts';
import { type Attestation, type Claim, kindOf, type NodeSetAttestation } from './attestation.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeProvenance } from './rules/provenance.ts';
import type { Policy } from './schema.ts';
import { assessAll, type Shelf } from './shelf.ts';

/** The kinds of statements that must be there besides the node set: a build level is read from provenance. */
export function wantedKinds({ require, slsa }: Policy): readonly ('provenance' | 'sbom')[] {
  const wantsProvenance = require.provenance || (slsa !== undefined && slsa.minimumLevel > 0);
  return [...(wantsProvenance ? ['provenance' as const] : []), ...(require.sbom ? ['sbom' as const] : [])];
}

/**
 * Judges the statements that a node set pins: where the policy wants provenance or SBOMs, exactly the pinned ones must be
 * there, count, and be about the members. A store that hides one, or offers an older one, is noticed so; and who may sign
 * node sets cannot borrow the provenance of another build.
 */
export function judgeStatements(
  set: NodeSetAttestation,
  shelf: Shelf,
): { readonly findings: readonly Finding[]; readonly counted: readonly Attestation[] } {
  const outcomes = wantedKinds(shelf.context.policy).map((kind) => judgeKind(kind, set, shelf));
  return {
    findings: outcomes.flatMap((outcome) => outcome.findings),
    counted: outcomes.flatMap((outcome) => outcome.counted),
  };
}

function judgeKind(
  kind: 'provenance' | 'sbom',
  set: NodeSetAttestation,
  shelf: Shelf,
): { findings: readonly Finding[]; counted: readonly Attestation[] } {
  const { nodeSet } = set;
  const references = nodeSet.statements.filter((reference) => kindOf(reference.predicateType) === kind);
  if (references.length === 0) {
    return {
      counted: [],
      findings: [
        buildFinding(
          'attestation.required',
          'denied',
          `Node set ${nodeSet.name} pins no ${kind} statement, and the policy wants one`,
          {
            field: 'nodeSet.statements',
            actual: null,
            expected: kind,
            next: 'Attest the node set again with nodeproof attest, which writes them all',
          },
        ),
      ],
    };
  }
  const outcomes = references.map((reference) => judgeReference(kind, reference, shelf));
  const counted = outcomes.flatMap((outcome) => outcome.counted);
  const problems = outcomes.flatMap((outcome) => outcome.findings);
  return { counted, findings: problems.length > 0 ? problems : judgeCoverage(kind, set, counted) };
}

/** Every extension must be a subject of what is pinned, and for provenance every file of the set. */
function judgeCoverage(
  kind: 'provenance' | 'sbom',
  { nodeSet, verified }: NodeSetAttestation,
  counted: readonly Attestation[],
): readonly Finding[] {
  const covered = new Set(
    counted.flatMap(({ verified: { statement } }) => statement.subject.map((subject) => subject.digest['sha256'])),
  );
  const files = verified.statement.subject
    .filter((subject) => kind === 'provenance' && subject.annotations?.['role'] !== 'identity')
    .map((subject) => ({ name: subject.name ?? 'a file', sha256: subject.digest['sha256'] }));
  const members = new Map(
    [...nodeSet.identity.sysexts, ...nodeSet.identity.confexts, ...files].map((file) => [file.sha256, file.name]),
  );
  return [...members]
    .filter(([sha256]) => !covered.has(sha256))
    .map(([sha256, name]) =>
      buildFinding(
        'attestation.required',
        'denied',
        `No ${kind} statement that node set ${nodeSet.name} pins is about ${name}, and the policy wants one`,
        {
          field: 'nodeSet.statements',
          actual: null,
          expected: sha256 === undefined ? 'a subject with a sha256' : `sha256:${sha256}`,
          next: 'Attest the node set again with nodeproof attest, which writes them all',
        },
      ),
    );
}

function judgeReference(
  kind: 'provenance' | 'sbom',
  reference: StatementReference,
  shelf: Shelf,
): { findings: readonly Finding[]; counted: readonly Attestation[] } {
  const { policy } = shelf.context;
  const pinned = shelf.claims.filter(
    (claim) => claim.statement.predicateType === reference.predicateType && payloadSha256(claim) === reference.sha256,
  );
  const { counted, problems } = assessAll(pinned, kind, policy.allow[kind] ?? [], shelf.context);
  const best = counted.find((attestation) => attestation.verified.payloadSha256 === reference.sha256);
  if (best !== undefined) {
    return {
      counted: [best],
      findings: best.provenance === null ? [] : judgeProvenance(best.provenance, best.signer, policy),
    };
  }
  return {
    counted: [],
    findings: [...problems, ...(pinned.length > 0 ? [] : [hiddenFinding(kind, reference)])],
  };
}

function hiddenFinding(kind: string, reference: StatementReference): Finding {
  return buildFinding(
    'attestation.hidden',
    'denied',
    `The ${kind} statement of ${reference.subject} that the node set pins is not there`,
    {
      field: 'nodeSet.statements',
      actual: null,
      expected: `sha256:${reference.sha256}`,
      next: 'Take the complete trust pack of the release',
    },
  );
}

/** A payload may be an SBOM of many megabytes, and each reference asks for all of them. */
const payloadDigests = new WeakMap<SigstoreBundle, string>();

export function payloadSha256(claim: Claim): string | undefined {
  const { bundle } = claim.file;
  const { content } = bundle;
  if (content.kind !== 'envelope') return undefined;
  const known = payloadDigests.get(bundle) ?? Digest.of('sha256', content.envelope.payload).hex;
  payloadDigests.set(bundle, known);
  return known;
}
