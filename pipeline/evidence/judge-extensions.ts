import type { Checked, Finding } from '../core/index.ts';
import type { Evidence, Extension, ExtensionState, LoopDevice } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { extensionMapping, verityOf, visibleExtension } from './identity.ts';
import type { EvidenceJudgement } from './judge.ts';
import { judgeEnforcement } from './judge-usr.ts';

type Kind = 'sysexts' | 'confexts';

/** Judges how extensions are merged and what each runs from; which ones there may be is the policy's question. */
export function judgeExtensions(
  kind: Kind,
  state: ExtensionState,
  evidence: Evidence,
  requireVerity: boolean,
): EvidenceJudgement {
  const merged = state.merged.value ?? [];
  const running = merged.map((name) => visibleExtension(state, name)).filter((extension) => extension !== undefined);
  return {
    findings: [
      ...judgeMerge(kind, state),
      ...running.flatMap((extension) => judgeRunning(kind, extension, evidence, requireVerity)),
      ...state.found
        .filter((extension) => !extension.hidden && !merged.includes(extension.name))
        .flatMap((extension) => judgeWaiting(kind, extension)),
    ],
    checked: running.flatMap((extension) => checkedExtension(kind, extension, evidence)),
  };
}

/** A merge that can be written to can change after any check; one whose record is another's was not made by systemd. */
function judgeMerge(kind: Kind, { overlay, merged }: ExtensionState): readonly Finding[] {
  const findings: Finding[] = [];
  if (overlay !== null && overlay.upperDirectory !== null && kind === 'sysexts') {
    findings.push(
      buildFinding(
        'extension.mutable',
        'denied',
        `Extensions are merged with an upper directory, ${overlay.upperDirectory}: the merged tree can be written`,
        {
          field: `${kind}.overlay`,
          actual: overlay.upperDirectory,
          expected: 'no upper directory',
          next: 'Set Mutable=no, remove /var/lib/extensions.mutable and merge again',
        },
      ),
    );
  }
  if (kind === 'sysexts' && (merged.value !== null) !== (overlay !== null)) {
    findings.push(
      buildFinding(
        'extension.merge-record',
        'untrusted',
        overlay === null
          ? 'A merge is recorded and no overlay is mounted'
          : 'An overlay is mounted over /usr and no merge is recorded in it',
        {
          field: `${kind}.merged`,
          actual: merged.value === null ? 'no record' : 'recorded',
          expected: overlay === null ? 'no record' : 'recorded',
          next: 'Merge again: systemd-sysext refresh',
        },
      ),
    );
  }
  if (overlay !== null && overlay.recordedDevice !== null && overlay.recordedDevice !== overlay.device) {
    findings.push(
      buildFinding(
        'extension.merge-record',
        'untrusted',
        `The record of the merge is for device ${overlay.recordedDevice}, the overlay is ${overlay.device}`,
        {
          field: `${kind}.overlay`,
          actual: overlay.recordedDevice,
          expected: overlay.device,
          next: 'Merge again: systemd-sysext refresh',
        },
      ),
    );
  }
  return findings;
}

function judgeRunning(
  kind: Kind,
  extension: Extension,
  evidence: Evidence,
  requireVerity: boolean,
): readonly Finding[] {
  const field = `${kind}.${extension.name}`;
  const mapping = extensionMapping(extension, evidence);
  const verity = mapping === undefined ? null : verityOf(mapping);
  return [
    ...(extension.kind === 'raw' ? judgeBacking(field, extension, evidence.loops) : []),
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
    ...(mapping !== undefined && verity !== null ? judgeEnforcement('extension', extension.name, mapping, verity) : []),
    ...(requireVerity && mapping === undefined
      ? [
          buildFinding(
            'extension.no-verity',
            'denied',
            `Extension ${extension.name} does not run from dm-verity: it could be rewritten under the merge unseen`,
            {
              field,
              actual: extension.rootHash.value === null ? 'a plain image' : 'an image with verity that is not mapped',
              expected: 'a verity mapping',
              next: 'Build it as a DDI with verity, and attest that',
            },
          ),
        ]
      : []),
  ];
}

/** What runs is what the loop device holds, not what the path names now. */
function judgeBacking(field: string, extension: Extension, loops: readonly LoopDevice[]): readonly Finding[] {
  const sameInode = (loop: LoopDevice) =>
    loop.backingInode !== null &&
    loop.backingInode === extension.inode &&
    (loop.backingDevice === null || loop.backingDevice === extension.fileDevice);
  const byPath = loops.filter((loop) => loop.backingFile === extension.resolvedPath);
  const good = loops.filter(
    (loop) =>
      !loop.deleted && (sameInode(loop) || (loop.backingInode === null && loop.backingFile === extension.resolvedPath)),
  );
  const stale = byPath.filter((loop) => loop.deleted || (loop.backingInode !== null && !sameInode(loop)));
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
          next: 'Merge again, so that what lies there is what runs: systemctl restart systemd-sysext',
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
  if (extension.kind === 'mask') return [];
  if (extension.kind === 'dangling') return [];
  return [
    buildFinding(
      'extension.not-merged',
      'denied',
      `${extension.kind === 'directory' ? 'Directory' : 'Extension'} ${extension.name} at ${extension.path} is not merged now and would be by the next merge`,
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
