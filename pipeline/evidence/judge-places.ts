import type { Finding } from '../core/index.ts';
import type { Evidence, Mount } from './evidence.ts';
import { extensionDirectories, isWithin } from './extension-places.ts';
import { buildFinding } from './finding.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';

/** What the guard mounts over a directory to keep extensions out of the merge has its name as the source. */
const guardSource = 'nodeproof-guard';
const home = '/var/lib/nodeproof';

/** Judges what is mounted over the places that a merge takes extensions from, over the verifier's own, and who looked. */
export function judgePlaces(
  evidence: Pick<Evidence, 'mounts' | 'mountView' | 'sysexts' | 'confexts'>,
  { extensions }: Pick<EvidenceRequirements, 'extensions'>,
): EvidenceJudgement {
  const { mounts, mountView } = evidence;
  const over = mounts.filter(({ mountPoint }) =>
    extensionDirectories.some((directory) => isWithin(mountPoint, directory)),
  );
  const guards = over.filter(isGuard);
  return {
    checked: [],
    findings: [
      // The guard itself asks what is left to merge under its masks.
      ...(extensions === 'running' ? guards.map((mount) => refusedByGuard(mount, evidence)) : []),
      // /usr has a judge of its own for what is mounted in it.
      ...over.filter((mount) => !isGuard(mount) && !isWithin(mount.mountPoint, '/usr')).map(coveredDirectory),
      ...mounts.filter(({ mountPoint }) => isWithin(mountPoint, home)).map(coveredHome),
      ...(mountView.differences.length === 0 ? [] : [otherView(mountView)]),
    ],
  };
}

function isGuard({ fileSystem, source }: Mount): boolean {
  return fileSystem === 'overlay' && source === guardSource;
}

function refusedByGuard({ mountPoint }: Mount, { sysexts, confexts }: Pick<Evidence, 'sysexts' | 'confexts'>): Finding {
  const masked = [...sysexts.found, ...confexts.found]
    .filter(({ kind, path }) => kind === 'mask' && isWithin(path, mountPoint))
    .map(({ name }) => name);
  const names = masked.length === 0 ? 'extensions' : masked.join(', ');
  return buildFinding(
    'extension.refused-by-guard',
    'denied',
    `The guard keeps ${names} in ${mountPoint} out of the merge`,
    {
      field: `mounts.${mountPoint}`,
      actual: masked.length === 0 ? null : masked.join(', '),
      expected: 'nothing that the guard refused',
      grade: 'kernel',
      next: 'See journalctl -u nodeproof-guard: remove what was refused, or put what was signed in its place, and reboot',
    },
  );
}

function coveredDirectory({ mountPoint, fileSystem, source, root }: Mount): Finding {
  const what = `${fileSystem} from ${source}${root === '/' ? '' : ` at ${root}`}`;
  return buildFinding(
    'extension.covered-directory',
    'denied',
    `${mountPoint} is covered by ${what}: a merge takes what lies there now`,
    {
      field: `mounts.${mountPoint}`,
      actual: what,
      expected: 'the directory itself',
      grade: 'kernel',
      next: `Unmount ${mountPoint}, and find out who mounted it`,
    },
  );
}

function coveredHome({ mountPoint, fileSystem, source }: Mount): Finding {
  return buildFinding(
    'unit.covered-verifier',
    'denied',
    `${mountPoint}, where the verifier and its policy lie, is covered by ${fileSystem} from ${source}`,
    {
      field: `mounts.${mountPoint}`,
      actual: `${fileSystem} from ${source}`,
      expected: 'the directory itself',
      grade: 'kernel',
      next: `Unmount ${mountPoint}, and find out who mounted it`,
    },
  );
}

function otherView({ source, differences }: Evidence['mountView']): Finding {
  const places = differences.join(', ').slice(0, 500);
  return buildFinding(
    'evidence.mount-namespace',
    'untrusted',
    `This run sees ${places} on other file systems than the first process of the node does`,
    {
      field: 'mountView',
      actual: places,
      expected: `the mounts of ${source}`,
      grade: 'kernel',
      next: 'Run the verifier in the mount namespace of the node: without ProtectSystem=, PrivateTmp= and their like',
    },
  );
}
