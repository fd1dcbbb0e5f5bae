import type { Finding } from '../core/index.ts';
import type { Evidence, ExtensionState } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { isMerge, stackMounts } from './mount-stack.ts';

type Kind = 'sysexts' | 'confexts';

/** The merge into one hierarchy. */
type Merge = {
  readonly kind: Kind;
  readonly hierarchy: '/usr' | '/etc' | '/opt';
  /** For findings: `sysexts`, `sysexts.opt`. */
  readonly field: string;
  /** The names that it records; null where it records none. */
  readonly names: readonly string[] | null;
  readonly overlay: ExtensionState['overlay'];
};

/** Judges how extensions are merged: into /usr or /etc, and system extensions into /opt where one of them has such a directory. */
export function judgeMerges(
  kind: Kind,
  { merged, overlay, opt }: ExtensionState,
  { mounts }: Pick<Evidence, 'mounts'>,
): readonly Finding[] {
  const hierarchy = kind === 'sysexts' ? '/usr' : '/etc';
  return [
    ...judgeMerge({ kind, hierarchy, field: kind, names: merged.value, overlay }),
    ...(opt === null
      ? []
      : [
          ...judgeMerge({
            kind,
            hierarchy: '/opt',
            field: 'sysexts.opt',
            names: opt.merged.value,
            overlay: opt.overlay,
          }),
          ...judgeSameNames(merged.value, opt.merged.value),
          ...judgeOneMerge(mounts),
        ]),
  ];
}

/** A merge that can be written to can change after any check; one whose record is another's was not made by systemd. */
function judgeMerge({ kind, hierarchy, field, names, overlay }: Merge): readonly Finding[] {
  const findings: Finding[] =
    kind === 'sysexts' && overlay !== null ? [...judgeLayers(hierarchy, field, overlay, names ?? [])] : [];
  if (overlay !== null && overlay.upperDirectory !== null && kind === 'sysexts') {
    findings.push(
      buildFinding(
        'extension.mutable',
        'denied',
        `Extensions are merged into ${hierarchy} with an upper directory, ${overlay.upperDirectory}: the merged tree can be written`,
        {
          field: `${field}.overlay`,
          actual: overlay.upperDirectory,
          expected: 'no upper directory',
          next: 'Set Mutable=no, remove /var/lib/extensions.mutable and merge again',
        },
      ),
    );
  }
  if ((names !== null) !== (overlay !== null)) {
    findings.push(
      buildFinding(
        'extension.merge-record',
        'untrusted',
        overlay === null
          ? 'A merge is recorded and no overlay is mounted'
          : `An overlay of ${kind} is mounted on ${hierarchy} and no merge is recorded in it`,
        {
          field: `${field}.merged`,
          actual: names === null ? 'no record' : 'recorded',
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
        `The record of the merge into ${hierarchy} is for device ${overlay.recordedDevice ?? 'none'}, the overlay is ${overlay.device}`,
        {
          field: `${field}.overlay`,
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
const layer = /^\/run\/systemd\/sysext\/(?:meta|extensions\/([^/]+))(\/usr|\/opt)$/;

/** `Mutable=import` merges a directory that anyone may fill, without an upper directory; so does whoever mounts by hand. */
function judgeLayers(
  hierarchy: Merge['hierarchy'],
  field: string,
  { lowerDirectories }: NonNullable<ExtensionState['overlay']>,
  merged: readonly string[],
): readonly Finding[] {
  // What is below, as it is called after the boot and in the initrd.
  const bottoms: ReadonlySet<string> = new Set([hierarchy, `/sysroot${hierarchy}`]);
  const isKnown = (directory: string, at: number) => {
    const [, name, place] = layer.exec(directory) ?? [];
    if (place === undefined) return at === lowerDirectories.length - 1 && bottoms.has(directory);
    return place === hierarchy && (name === undefined || merged.includes(name));
  };
  return lowerDirectories
    .filter((directory, at) => !isKnown(directory, at))
    .map((directory) =>
      buildFinding(
        'extension.foreign-layer',
        'denied',
        `${directory} is merged into ${hierarchy} and belongs to no recorded extension`,
        {
          field: `${field}.overlay`,
          actual: directory,
          expected: `only recorded extensions over ${hierarchy}`,
          next: 'Set Mutable=no, find out who mounted it, and merge again',
        },
      ),
    );
}

/**
 * systemd makes both merges at once and records the names of all extensions in each, whether or not they have something
 * there (merge_subprocess() in src/sysext/sysext.c). SYSTEMD_SYSEXT_HIERARCHIES=/opt merges other images, and leaves the
 * record in /usr as it was.
 */
function judgeSameNames(inUsr: readonly string[] | null, inOpt: readonly string[] | null): readonly Finding[] {
  const tell = (names: readonly string[] | null) => (names === null ? 'nothing' : names.join(', '));
  if (inOpt === null || tell(inUsr) === tell(inOpt)) return [];
  return [
    buildFinding(
      'extension.merge-record',
      'untrusted',
      `The merge into /opt records ${tell(inOpt).slice(0, 500)}, the one into /usr ${tell(inUsr).slice(0, 500)}`,
      {
        field: 'sysexts.opt.merged',
        actual: tell(inOpt).slice(0, 500),
        expected: tell(inUsr).slice(0, 500),
        next: mergeAgain,
      },
    ),
  ];
}

/** systemd takes its merge away before it makes the next: one over another has a lower directory of unknown content. */
function judgeOneMerge(mounts: Evidence['mounts']): readonly Finding[] {
  const merges = stackMounts(mounts, '/opt').filter((mount) => isMerge(mount, 'sysext')).length;
  if (merges < 2) return [];
  return [
    buildFinding(
      'extension.foreign-layer',
      'denied',
      `/opt is covered by ${merges} merges of extensions over each other`,
      { field: 'mounts./opt', actual: String(merges), expected: 'one merge', grade: 'kernel', next: mergeAgain },
    ),
  ];
}

const mergeAgain = 'Merge again: systemctl restart systemd-sysext systemd-confext';
