import type { Checked, Finding } from '../core/index.ts';
import type { Evidence, Extension, ExtensionState } from './evidence.ts';
import { extensionMapping, findBacking, isImage, verityOf } from './extension-backing.ts';
import { buildFinding } from './finding.ts';
import { visibleExtensions } from './identity.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';
import { judgeMapping } from './judge-mapping.ts';

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
      ...(wanted.extensions === 'running' ? judgeMerge(kind, state) : []),
      ...running.flatMap((extension) => judgeMember(kind, extension, evidence, wanted)),
      ...state.found
        .filter((extension) => isImage(extension) && !extension.hidden && !merged.includes(extension.name))
        .flatMap((extension) => judgeWaiting(kind, extension)),
    ],
    checked: running.flatMap((extension) => checkedExtension(kind, extension, evidence)),
  };
}

/** A merge that can be written to can change after any check; one whose record is another's was not made by systemd. */
function judgeMerge(kind: Kind, { overlay, merged }: ExtensionState): readonly Finding[] {
  const findings: Finding[] =
    kind === 'sysexts' && overlay !== null ? [...judgeLayers(overlay, merged.value ?? [])] : [];
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
  if ((merged.value !== null) !== (overlay !== null)) {
    findings.push(
      buildFinding(
        'extension.merge-record',
        'untrusted',
        overlay === null
          ? 'A merge is recorded and no overlay is mounted'
          : `An overlay of ${kind} is mounted and no merge is recorded in it`,
        {
          field: `${kind}.merged`,
          actual: merged.value === null ? 'no record' : 'recorded',
          expected: overlay === null ? 'no record' : 'recorded',
          next: mergeAgain,
        },
      ),
    );
  }
  // systemd itself takes an overlay for its own merge by this record alone (is_our_mount_point() in src/sysext/sysext.c).
  if (overlay !== null && overlay.recordedDevice !== overlay.device) {
    findings.push(
      buildFinding(
        'extension.merge-record',
        'untrusted',
        `The record of the merge is for device ${overlay.recordedDevice ?? 'none'}, the overlay is ${overlay.device}`,
        {
          field: `${kind}.overlay`,
          actual: overlay.recordedDevice,
          expected: overlay.device,
          next: mergeAgain,
        },
      ),
    );
  }
  return findings;
}

/** systemd keeps its record and mounts the extensions there, in a mount namespace of its own (src/sysext/sysext.c). */
const layer = /^\/run\/systemd\/sysext\/(?:meta|extensions\/([^/]+))\/usr$/;
/** The /usr below, as it is called after the boot and in the initrd. */
const bottoms: ReadonlySet<string> = new Set(['/usr', '/sysroot/usr']);

/** `Mutable=import` merges a directory that anyone may fill, without an upper directory; so does whoever mounts by hand. */
function judgeLayers(
  { lowerDirectories }: NonNullable<ExtensionState['overlay']>,
  merged: readonly string[],
): readonly Finding[] {
  const isKnown = (directory: string, at: number) => {
    const match = layer.exec(directory);
    if (match === null) return at === lowerDirectories.length - 1 && bottoms.has(directory);
    return match[1] === undefined || merged.includes(match[1]);
  };
  return lowerDirectories
    .filter((directory, at) => !isKnown(directory, at))
    .map((directory) =>
      buildFinding(
        'extension.foreign-layer',
        'denied',
        `${directory} is merged into /usr and belongs to no recorded extension`,
        {
          field: 'sysexts.overlay',
          actual: directory,
          expected: 'only recorded extensions over /usr',
          next: 'Set Mutable=no, find out who mounted it, and merge again',
        },
      ),
    );
}

const mergeAgain = 'Merge again: systemctl restart systemd-sysext systemd-confext';

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
