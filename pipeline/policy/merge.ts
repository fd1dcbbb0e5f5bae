import type { Finding } from '../core/index.ts';
import {
  buildEvidenceIdentity,
  type Evidence,
  type Extension,
  type ExtensionState,
  isImage,
  judgeEvidence,
} from '../evidence/index.ts';
import type { ExtensionClass, ExtensionMember, NodeIdentity } from '../release/index.ts';
import { isNodeSet, type NodeSetAttestation } from './attestation.ts';
import { isSameMember, isSameOs, judgeMember } from './members.ts';
import { judgeNode, requirementsOf } from './node.ts';
import { buildFinding } from './rules/finding.ts';
import { assessAll, distinctStatements, nodeSetsAmong, openShelf, type Shelf } from './shelf.ts';
import type { PolicyJudgement, Situation } from './situation.ts';

/** An extension that nobody signed for this node, and why. */
export type RefusedExtension = {
  readonly extensionClass: ExtensionClass;
  readonly extension: Extension;
  readonly finding: Finding;
};

/** What the next merge may take. */
export type MergePlan = {
  /** Those that are signed. */
  readonly kept: Readonly<Record<ExtensionClass, readonly Extension[]>>;
  /** To be kept out of the merge. */
  readonly refused: readonly RefusedExtension[];
  /** What is merged already, in the initrd or before, and runs from something else than what may be merged. */
  readonly running: readonly Finding[];
  /** On the node as it will be when those are kept out: a finding here is a reason not to merge at all. */
  readonly judgement: PolicyJudgement;
};

const classes = ['sysexts', 'confexts'] as const satisfies readonly ExtensionClass[];

/**
 * Judges what the next merge would take, one by one: an extension is kept where the signed node set of this operating
 * system has it, or with `match: members` where it is attested on its own. The rest is refused. The node is then judged as
 * a whole, as if what was refused were not there; of a changed extension, as if the signed one were: it is kept out, and
 * whether the others may be merged is another question.
 */
export function planMerge(evidence: Evidence, situation: Situation): MergePlan {
  const candidates = { sysexts: candidatesOf(evidence.sysexts), confexts: candidatesOf(evidence.confexts) };
  const shelf = openShelf(situation);
  const bare = buildEvidenceIdentity(withMerged(evidence, { sysexts: [], confexts: [] }));
  const sets = 'identity' in bare ? setsOfSystem(bare.identity, shelf) : [];
  const [set] = sets.toSorted(
    (a, b) => distance(candidates, a.nodeSet.identity) - distance(candidates, b.nodeSet.identity),
  );
  const refused =
    set === undefined
      ? []
      : classes.flatMap((kind) => candidates[kind].flatMap((extension) => refuse(kind, extension, set, shelf)));
  const isRefused = (extension: Extension) => refused.some((one) => one.extension === extension);
  const kept = {
    sysexts: candidates.sysexts.filter((extension) => !isRefused(extension)),
    confexts: candidates.confexts.filter((extension) => !isRefused(extension)),
  };
  const standIns = set === undefined ? { sysexts: [], confexts: [] } : standInsFor(refused, set.nodeSet.identity);
  const after = withMerged(evidence, {
    sysexts: [...kept.sysexts, ...standIns.sysexts],
    confexts: [...kept.confexts, ...standIns.confexts],
  });
  return {
    kept,
    refused,
    running: judgeRunning(evidence, kept, situation),
    judgement: judgeNode(after, situation, 'to-be-merged'),
  };
}

/** Findings that are about what is not merged. */
const waiting: ReadonlySet<string> = new Set(['extension.not-merged', 'extension.refused-by-guard']);

/** That a merged extension bears the name of a signed one says nothing: it must run from the very file that was judged. */
function judgeRunning(evidence: Evidence, kept: MergePlan['kept'], situation: Situation): readonly Finding[] {
  const { findings } = judgeEvidence(evidence, requirementsOf(situation, 'running'), null);
  const strangers = classes.flatMap((kind) =>
    (evidence[kind].merged.value ?? [])
      .filter((name) => !kept[kind].some((extension) => extension.name === name))
      .map((name) =>
        buildFinding(
          kind === 'confexts' ? 'confext.extra' : 'sysext.extra',
          'denied',
          `Extension ${name} is merged already, and nobody signed it for this node`,
          {
            field: `${kind}.${name}`,
            actual: 'merged',
            expected: null,
            grade: evidence[kind].merged.grade,
            next: `Remove ${name} from where it was merged from, and reboot`,
          },
        ),
      ),
  );
  return [...strangers, ...findings.filter(({ code }) => code.startsWith('extension.') && !waiting.has(code))];
}

/** What systemd would take: of several under one name in one directory it takes any, and so each is judged. */
function candidatesOf(state: ExtensionState): readonly Extension[] {
  return state.found.filter((extension) => isImage(extension) && !extension.hidden);
}

/** The signed node sets that count and have the operating system of this node. */
function setsOfSystem(own: NodeIdentity, shelf: Shelf): readonly NodeSetAttestation[] {
  const allowed = shelf.context.policy.allow['node-set'] ?? [];
  const { counted } = assessAll(nodeSetsAmong(shelf.claims), 'node-set', allowed, shelf.context);
  return distinctStatements(counted.filter(isNodeSet)).filter((set) => isSameOs(own, set.nodeSet));
}

type Candidates = Readonly<Record<ExtensionClass, readonly Extension[]>>;

/** In how many extensions candidates differ from a set. */
function distance(candidates: Candidates, signed: NodeIdentity): number {
  const differences = classes.map((kind) => {
    const strangers = candidates[kind].filter((extension) => !isSigned(extension, signed[kind]));
    const missing = signed[kind].filter(
      (member) => !candidates[kind].some((extension) => isSigned(extension, [member])),
    );
    return strangers.length + missing.length;
  });
  return differences.reduce((a, b) => a + b, 0);
}

function isSigned(extension: Extension, members: readonly ExtensionMember[]): boolean {
  const own = memberOf(extension);
  return own !== undefined && members.some((member) => isSameMember(member, own));
}

function memberOf({ kind, name, sha256, rootHash }: Extension): ExtensionMember | undefined {
  return kind === 'raw' && sha256.value !== null ? { name, sha256: sha256.value, rootHash: rootHash.value } : undefined;
}

function refuse(
  kind: ExtensionClass,
  extension: Extension,
  { nodeSet }: NodeSetAttestation,
  shelf: Shelf,
): readonly RefusedExtension[] {
  const own = memberOf(extension);
  if (isSigned(extension, nodeSet.identity[kind])) return [];
  const isAttested =
    own !== undefined && shelf.context.policy.node.match === 'members' && judgeMember(own, shelf).findings.length === 0;
  if (isAttested) return [];
  const area = kind === 'confexts' ? 'confext' : 'sysext';
  const signed = nodeSet.identity[kind].find((member) => member.name === extension.name);
  const facts = {
    field: `${kind}.${extension.name}`,
    actual: own === undefined ? extension.kind : `sha256 ${own.sha256}`,
    grade: 'claimed' as const,
  };
  const finding =
    signed === undefined
      ? buildFinding(
          `${area}.extra`,
          'denied',
          `Extension ${extension.name} at ${extension.path} is not in node set ${nodeSet.name}`,
          { ...facts, expected: null, next: `Remove ${extension.path}, or attest a node set with it` },
        )
      : buildFinding(
          `${area}.digest`,
          'denied',
          `Extension ${extension.name} at ${extension.path} is not the one of node set ${nodeSet.name}`,
          {
            ...facts,
            expected: `sha256 ${signed.sha256}`,
            next: `Put the attested build of ${extension.name} in place, or attest this one`,
          },
        );
  return [{ extensionClass: kind, extension, finding }];
}

/** The signed extensions in the place of those that were changed. */
function standInsFor(refused: readonly RefusedExtension[], signed: NodeIdentity): Candidates {
  const standIn = (kind: ExtensionClass) => {
    const names = new Set(
      refused.filter(({ extensionClass }) => extensionClass === kind).map(({ extension }) => extension.name),
    );
    return [...names].flatMap((name) => {
      const member = signed[kind].find((each) => each.name === name);
      const changed = refused.find(({ extension }) => extension.name === name)?.extension;
      return member === undefined || changed === undefined ? [] : [asSigned(changed, member)];
    });
  };
  return { sysexts: standIn('sysexts'), confexts: standIn('confexts') };
}

function asSigned(changed: Extension, { sha256, rootHash }: ExtensionMember): Extension {
  return {
    ...changed,
    kind: 'raw',
    sha256: { ...changed.sha256, value: sha256 },
    rootHash: { ...changed.rootHash, value: rootHash },
    forbiddenPaths: [],
    problem: null,
  };
}

/** The evidence as it would be when exactly these extensions were merged. */
function withMerged(evidence: Evidence, chosen: Candidates): Evidence {
  const state = (kind: ExtensionClass): ExtensionState => ({
    found: [...evidence[kind].found.filter((extension) => !isImage(extension)), ...chosen[kind]],
    merged: {
      value: [...new Set(chosen[kind].map(({ name }) => name))],
      grade: 'claimed',
      source: 'what the next merge takes',
    },
    overlay: null,
    opt: null,
  });
  return { ...evidence, sysexts: state('sysexts'), confexts: state('confexts') };
}
