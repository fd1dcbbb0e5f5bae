import { Digest, type Finding } from '../core/index.ts';
import type { NodeSet, StatementReference } from '../release/index.ts';
import { type Attestation, type Claim, kindOf } from './attestation.ts';
import { buildFinding } from './rules/finding.ts';
import { judgeProvenance } from './rules/provenance.ts';
import { assessAll, type Shelf } from './shelf.ts';

/**
 * Judges the statements that a node set pins: where the policy wants provenance or SBOMs, exactly the pinned ones must be
 * there and count. A store that hides one, or offers an older one, is noticed so.
 */
export function judgeStatements(
  nodeSet: NodeSet,
  shelf: Shelf,
): { readonly findings: readonly Finding[]; readonly counted: readonly Attestation[] } {
  const { policy } = shelf.context;
  const wantsProvenance = policy.require.provenance || (policy.slsa !== undefined && policy.slsa.minimumLevel > 0);
  const wanted = [
    ...(wantsProvenance ? ['provenance' as const] : []),
    ...(policy.require.sbom ? ['sbom' as const] : []),
  ];
  const outcomes = wanted.map((kind) => judgeKind(kind, nodeSet, shelf));
  return {
    findings: outcomes.flatMap((outcome) => outcome.findings),
    counted: outcomes.flatMap((outcome) => outcome.counted),
  };
}

function judgeKind(
  kind: 'provenance' | 'sbom',
  nodeSet: NodeSet,
  shelf: Shelf,
): { findings: readonly Finding[]; counted: readonly Attestation[] } {
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
  return {
    findings: outcomes.flatMap((outcome) => outcome.findings),
    counted: outcomes.flatMap((outcome) => outcome.counted),
  };
}

function judgeReference(
  kind: 'provenance' | 'sbom',
  reference: StatementReference,
  shelf: Shelf,
): { findings: readonly Finding[]; counted: readonly Attestation[] } {
  const { policy } = shelf.context;
  const pinned = shelf.claims.filter((claim) => payloadSha256(claim) === reference.sha256);
  const { counted, problems } = assessAll(pinned, kind, policy.allow[kind] ?? [], shelf.context);
  const [best] = counted.filter((attestation) => attestation.verified.payloadSha256 === reference.sha256);
  if (best !== undefined) {
    return { counted: [best], findings: best.provenance === null ? [] : judgeProvenance(best.provenance, policy) };
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

function payloadSha256(claim: Claim): string | undefined {
  const { content } = claim.file.bundle;
  return content.kind === 'envelope' ? Digest.of('sha256', content.envelope.payload).hex : undefined;
}
