import { Digest, type Json } from '../core/index.ts';
import { identityDigest, type NodeIdentity } from '../release/index.ts';
import { isNodeSet, type NodeSetAttestation } from './attestation.ts';
import { isSameOs } from './members.ts';
import type { NodeRequirements } from './schema.ts';
import type { Offer, PackedKind, Sifted } from './sift.ts';

/** A bundle that a trust pack lacks. */
export type PackDocument = { readonly kind: PackedKind; readonly bundle: Json };

/** What goes into a pack together or not at all, and how much it matters. A document may be in several of them. */
export type SignedUnit = {
  /** A revocation; what the node needs for what it runs or would boot next; or what it may need some day. */
  readonly rank: 'revocation' | 'own' | 'other';
  readonly documents: readonly PackDocument[];
};

/** What counts of an offer, by kind. */
export type Signed = {
  readonly revocations: readonly Offer[];
  readonly nodeSets: Pick<Sifted, 'packed' | 'fresh'>;
  readonly provenance: readonly Offer[];
  readonly sboms: readonly Offer[];
};

type Statement = Offer & { readonly document: PackDocument };

/**
 * Parts what counts into units, what matters most first: each revocation, the node sets of the node itself with the
 * statements that they name, and those of other releases, the newest first. A set without its statements is no use where the
 * policy wants them, and neither are they without it.
 *
 * @param own what the node runs, and what its next boot would run
 */
export function buildSignedUnits(
  { revocations, nodeSets, provenance, sboms }: Signed,
  own: readonly NodeIdentity[],
  { match }: Pick<NodeRequirements, 'match'>,
): readonly SignedUnit[] {
  const statements = [...describe('provenance', provenance), ...describe('sbom', sboms)];
  const ofSets = buildSetUnits(nodeSets, statements, ownBy(own, match));
  const pinned = new Set(ofSets.flatMap(({ documents }) => documents));
  // With `match: members` provenance of an extension that the node has counts alone, whichever set names it.
  const members = match === 'members' ? listMembers(own) : new Set<string>();
  const isOfMember = ({ attestation }: Offer): boolean =>
    attestation.verified.statement.subject.some(({ digest }) => members.has(digest['sha256'] ?? ''));
  const alone = statements.flatMap((statement): readonly SignedUnit[] => {
    const { document } = statement;
    if (isOfMember(statement)) return [{ rank: 'own', documents: [document] }];
    return pinned.has(document) ? [] : [{ rank: 'other', documents: [document] }];
  });
  const units = [...ofSets, ...alone];
  return [
    ...describe('revocation', revocations).map(({ document }): SignedUnit => ({
      rank: 'revocation',
      documents: [document],
    })),
    ...units.filter(({ rank }) => rank === 'own'),
    ...units.filter(({ rank }) => rank === 'other'),
  ];
}

/** Each set that the pack lacks, with its statements; and the statements that it lacks of a set that it has. */
function buildSetUnits(
  { packed, fresh }: Signed['nodeSets'],
  statements: readonly Statement[],
  isOwn: (set: NodeSetAttestation) => boolean,
): readonly SignedUnit[] {
  const byName = Map.groupBy(statements, ({ attestation: { verified } }) =>
    nameOf(verified.predicateType, verified.payloadSha256),
  );
  const documents = new Map(describe('node-set', fresh).map(({ attestation, document }) => [attestation, document]));
  const sets = [...packed, ...documents.keys()].filter(isNodeSet).sort(compareNewestFirst);
  const units = sets.map((set): SignedUnit => {
    const named = set.nodeSet.statements
      .flatMap(({ predicateType, sha256 }) => byName.get(nameOf(predicateType, sha256)) ?? [])
      .map(({ document }) => document);
    const document = documents.get(set);
    return { rank: isOwn(set) ? 'own' : 'other', documents: document === undefined ? named : [document, ...named] };
  });
  return units.filter((unit) => unit.documents.length > 0);
}

/** Whether a node set is one that a verdict on these looks for: the very set, or one of the same system. */
export function ownBy(
  own: readonly NodeIdentity[],
  match: NodeRequirements['match'],
): (set: NodeSetAttestation) => boolean {
  const digests = own.map(identityDigest);
  return match === 'set'
    ? ({ identityDigest: digest }) => digests.some((one) => Digest.equals(one, digest))
    : ({ nodeSet }) => own.some((identity) => isSameOs(identity, nodeSet));
}

/** By the time that its signer gave it, which no store can change; of one time by digest. */
export function compareNewestFirst(left: NodeSetAttestation, right: NodeSetAttestation): number {
  const [a, b] = [left, right].map(({ nodeSet }) => Date.parse(nodeSet.validity.issuedAt)) as [number, number];
  if (a !== b) return b - a;
  const [one, other] = [left.verified.payloadSha256, right.verified.payloadSha256];
  return one === other ? 0 : one < other ? -1 : 1;
}

/** As a node set names a statement: another build's, or an older one, has another name. */
function nameOf(predicateType: string, payloadSha256: string): string {
  return `${predicateType} ${payloadSha256}`;
}

function listMembers(own: readonly NodeIdentity[]): ReadonlySet<string> {
  return new Set(own.flatMap(({ sysexts, confexts }) => [...sysexts, ...confexts].map(({ sha256 }) => sha256)));
}

function describe(kind: PackedKind, offers: readonly Offer[]): readonly Statement[] {
  return offers.map((offer) => ({ ...offer, document: { kind, bundle: offer.claim.file.bundle.json } }));
}
