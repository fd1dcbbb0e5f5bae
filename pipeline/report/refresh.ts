import { Digest, type Finding } from '../core/index.ts';
import type { PackedKind, SignedSince, SignedUnit, Silence } from '../policy/index.ts';
import type { TrustPack } from '../trust/index.ts';
import { type Fact, renderFacts } from './page.ts';

/** What a refresh of a trust pack came to. */
export type RefreshReport = {
  readonly path: string;
  /** As it lies there now. */
  readonly pack: TrustPack;
  /** Of the node; null where it has none, or was not looked at. */
  readonly identity: Digest | null;
  /** Roots and keys that the policy pins and the pack lacks: what they signed cannot count. */
  readonly missingAnchors: readonly string[];
  readonly since: SignedSince;
  /** What of that was put into the pack, and what there was no room for. */
  readonly added: readonly SignedUnit[];
  readonly left: readonly SignedUnit[];
  readonly silences: readonly Silence[];
  /** Why no store was asked; empty where they were. */
  readonly refused: readonly Finding[];
};

/** Whether the node needs something for what it runs or would boot next, or to know what was revoked. */
export function isNeeded({ rank }: SignedUnit): boolean {
  return rank !== 'other';
}

/** The document of a refresh. */
export function buildRefreshDocument(report: RefreshReport) {
  const { path, pack, identity, missingAnchors, since, added, left, silences, refused } = report;
  const { name, version, issuedAt, expiresAt, sha256 } = pack;
  return {
    trustPack: {
      path,
      name,
      version,
      issuedAt,
      expiresAt,
      sha256,
      bundles: pack.bundles.length,
      revocations: pack.revocations.length,
    },
    isChanged: added.length > 0,
    identity: identity === null ? null : Digest.format(identity),
    missingAnchors,
    added: {
      nodeSets: count(added, 'node-set'),
      revocations: count(added, 'revocation'),
      provenance: count(added, 'provenance'),
      sboms: count(added, 'sbom'),
    },
    leftOut: { needed: left.filter(isNeeded).length, others: left.filter((unit) => !isNeeded(unit)).length },
    unneeded: since.unneeded,
    passedOver: groupByCode(since.passedOver),
    unreadRevocations: since.unreadRevocations.map(describeFinding),
    silences: silences.map(({ store, fault: { code, message, where, next } }) => ({
      store,
      code,
      message,
      where: where ?? null,
      next: next ?? null,
    })),
    refused: refused.map(describeFinding),
  };
}

/** The same for people. */
export function renderRefresh(report: RefreshReport): string {
  const { path, pack, identity, missingAnchors, since, left, silences, refused } = report;
  const facts: readonly Fact[] = [
    ['trust pack', `${path}: ${pack.name} version ${pack.version}, issued ${pack.issuedAt}`],
    ...(refused.length > 0 ? [] : [['identity', renderIdentity(identity)] as const]),
    ...(refused.length > 0 ? [] : [['added', renderAdded(report)] as const]),
    ...renderLeft(left),
    ...missingAnchors.map((anchor) => ['lacks', `${anchor}: what it signed does not count here`] as const),
    ...groupByCode(since.passedOver).map(
      ({ code, count: many, message }) =>
        ['passed over', `${many === 1 ? '' : `${many}, such as `}${message} [${code}]`] as const,
    ),
    ...since.unreadRevocations.map((finding) => ['not read', renderFinding(finding)] as const),
    ...silences.map(
      ({ store, fault: { code, message, next } }) =>
        ['no answer', `${store}: ${message} [${code}]${next === undefined ? '' : `; ${next}`}`] as const,
    ),
    ...refused.map((finding) => ['refused', renderFinding(finding)] as const),
  ];
  return `${renderFacts(facts)}\n`;
}

const words = {
  'node-set': ['node set', 'node sets'],
  revocation: ['revocation', 'revocations'],
  provenance: ['provenance', 'provenance'],
  sbom: ['SBOM', 'SBOMs'],
} as const satisfies Record<PackedKind, readonly [one: string, many: string]>;

const kinds = ['node-set', 'revocation', 'provenance', 'sbom'] as const satisfies readonly PackedKind[];

function renderAdded({ added, left }: RefreshReport): string {
  const told = kinds
    .map((kind) => ({ kind, many: count(added, kind) }))
    .filter(({ many }) => many > 0)
    .map(({ kind, many }) => `${many} ${words[kind][many === 1 ? 0 : 1]}`);
  if (told.length > 0) return told.join(', ');
  return left.length > 0 ? 'nothing' : 'nothing, it has all that counts';
}

function renderLeft(left: readonly SignedUnit[]): readonly Fact[] {
  const needed = left.filter(isNeeded).length;
  const others = left.length - needed;
  return [
    ...(needed === 0
      ? []
      : [
          [
            'no room',
            `for ${needed} of what this node needs: the pack is full; deliver a new trust pack with what still is needed`,
          ] as const,
        ]),
    ...(others === 0
      ? []
      : [['left out', `${others} of other releases: the room left is for what this node will need`] as const]),
  ];
}

function renderIdentity(identity: Digest | null): string {
  if (identity !== null) return Digest.format(identity);
  return 'none, so that only what the pack leads on to was asked for; see nodeproof node collect';
}

/** A statement that several node sets name is in the pack once. */
function count(units: readonly SignedUnit[], wanted: PackedKind): number {
  const documents = new Set(units.flatMap((unit) => unit.documents));
  return [...documents].filter(({ kind }) => kind === wanted).length;
}

/** A store can offer thousands of bundles that do not count: each reason is told once, by its first bundle. */
function groupByCode(findings: readonly Finding[]) {
  const codes = [...new Set(findings.map(({ code }) => code))];
  return codes.map((code) => {
    const alike = findings.filter((finding) => finding.code === code);
    return { code, count: alike.length, message: alike[0]?.message ?? '' };
  });
}

function describeFinding({ code, message, next }: Finding) {
  return { code, message, next };
}

function renderFinding({ code, message, next }: Finding): string {
  return `${message} [${code}]; ${next}`;
}
