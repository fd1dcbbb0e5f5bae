import type { Checked, Finding } from '../core/index.ts';
import type { Evidence, Extension, ExtensionState } from './evidence.ts';
import { extensionMapping, findBacking, isImage, verityOf } from './extension-backing.ts';
import { buildFinding } from './finding.ts';
import { visibleExtensions } from './identity.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';
import { judgeMapping } from './judge-mapping.ts';
import { judgeMerges } from './judge-merges.ts';

type Kind = 'sysexts' | 'confexts';
type Wanted = Pick<EvidenceRequirements, 'sysextVerity' | 'extensions'>;

/** Judges how extensions are merged and what each runs from; which ones there may be is the policy's question. */
export function judgeExtensions(
  kind: Kind,
  state: ExtensionState,
  evidence: Evidence,
  wanted: Wanted,
): EvidenceJudgement {
  const merged = state.merged.value ?? [];
  const running = merged.flatMap((name) => visibleExtensions(state, name));
  return {
    findings: [
      ...(wanted.extensions === 'running' ? judgeMerges(kind, state, evidence) : []),
      ...running.flatMap((extension) => judgeMember(kind, extension, evidence, wanted)),
      ...state.found
        .filter((extension) => isImage(extension) && !extension.hidden && !merged.includes(extension.name))
        .flatMap((extension) => judgeWaiting(kind, extension)),
    ],
    checked: running.flatMap((extension) => checkedExtension(kind, extension, evidence)),
  };
}

function judgeMember(kind: Kind, extension: Extension, evidence: Evidence, wanted: Wanted): readonly Finding[] {
  const field = `${kind}.${extension.name}`;
  const isRunning = wanted.extensions === 'running';
  const mapping = extensionMapping(extension, evidence);
  const verity = mapping === undefined ? null : verityOf(mapping);
  const hasVerity = isRunning ? mapping !== undefined : extension.rootHash.value !== null;
  return [
    ...(isRunning && extension.kind === 'raw' ? judgeBacking(field, extension, evidence) : []),
    ...judgeImage(field, extension),
    ...(mapping !== undefined && verity !== null
      ? judgeMapping(
          {
            what: `extension ${extension.name}`,
            field,
            table: 'extension.table',
            option: 'extension.verity-option',
            status: 'extension.verity-option',
          },
          mapping,
          verity,
        )
      : []),
    ...(wanted.sysextVerity && !hasVerity ? [withoutVerity(field, extension)] : []),
  ];
}

/** What an image must be wherever it lies. */
export function judgeImage(field: string, extension: Extension): readonly Finding[] {
  return [
    ...extension.forbiddenPaths.map((path) =>
      buildFinding('extension.forbidden-path', 'denied', `Extension ${extension.name} ships ${path}, which none may`, {
        field,
        actual: path,
        expected: null,
        next: `Build ${extension.name} without ${path}`,
      }),
    ),
    ...(extension.problem !== null && extension.sha256.value !== null
      ? [
          buildFinding(
            'extension.unreadable',
            'untrusted',
            `Extension ${extension.name} is malformed: ${extension.problem.message}`,
            {
              field,
              actual: extension.problem.code,
              expected: 'a readable image',
              next: 'Put the attested image in place',
            },
          ),
        ]
      : []),
  ];
}

export function withoutVerity(field: string, { name, rootHash }: Extension): Finding {
  return buildFinding(
    'extension.no-verity',
    'denied',
    `Extension ${name} does not run from dm-verity: it could be rewritten under the merge unseen`,
    {
      field,
      actual: rootHash.value === null ? 'a plain image' : 'an image with verity that is not mapped',
      expected: 'a verity mapping',
      next: 'Build it as a DDI with verity, and attest that',
    },
  );
}

/** What runs is what the loop device holds, not what the path names now. */
function judgeBacking(field: string, extension: Extension, evidence: Evidence): readonly Finding[] {
  const { good, stale } = findBacking(extension, evidence);
  if (stale.length > 0) {
    return [
      buildFinding(
        'extension.swapped',
        'untrusted',
        `Extension ${extension.name} runs from a file that is not at ${extension.resolvedPath ?? extension.path} any more (${stale[0]?.name ?? 'a loop device'}, inode ${stale[0]?.backingInode ?? 'unknown'})`,
        {
          field,
          actual: `inode ${stale[0]?.backingInode ?? 'unknown'}${stale[0]?.deleted === true ? ', unlinked' : ''}`,
          expected: `inode ${extension.inode ?? 'unknown'}`,
          grade: 'kernel',
          // A device goes with its last user: a process from before the last merge keeps the earlier one.
          next:
            good.length === 0
              ? 'Merge again, so that what lies there is what runs: systemctl restart systemd-sysext'
              : 'Restart the services that were started before the last merge, or reboot',
        },
      ),
    ];
  }
  if (good.length > 0) return [];
  return [
    buildFinding(
      'extension.backing-unknown',
      'unavailable',
      `No loop device shows which file extension ${extension.name} runs from`,
      {
        field,
        actual: null,
        expected: `a loop device over ${extension.resolvedPath ?? extension.path}`,
        next: 'Run as root with losetup installed; merge again',
      },
    ),
  ];
}

/** An extension that lies there and is not merged: the next merge takes it, without asking anyone. */
function judgeWaiting(kind: Kind, extension: Extension): readonly Finding[] {
  const field = `${kind}.${extension.name}`;
  return [
    buildFinding(
      'extension.not-merged',
      'denied',
      `Extension ${extension.name} (${extension.kind.replace('-', ' ')}) at ${extension.path} is not merged now and would be by the next merge`,
      {
        field,
        actual: extension.path,
        expected: null,
        next: `Remove ${extension.path}, or merge and attest it`,
      },
    ),
  ];
}

function checkedExtension(kind: Kind, extension: Extension, evidence: Evidence): readonly Checked[] {
  const { sha256, rootHash } = extension;
  const mapping = extensionMapping(extension, evidence);
  return [
    ...(sha256.value === null
      ? []
      : [
          { fact: `${kind}.${extension.name}.sha256`, value: sha256.value, grade: sha256.grade, source: sha256.source },
        ]),
    ...(rootHash.value === null || mapping === undefined
      ? []
      : [
          {
            fact: `${kind}.${extension.name}.rootHash`,
            value: rootHash.value,
            grade: 'kernel' as const,
            source: `dmsetup table of ${mapping.name} (${mapping.device})`,
          },
        ]),
  ];
}
