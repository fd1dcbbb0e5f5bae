import { limits } from '../core/index.ts';
import { type FileTree, readFile, resolve } from '../formats/file-tree/index.ts';
import type { Sysext } from './sysext.ts';

/** Units of the verifier. */
const verifierUnits = [
  'nodeproof-guard.service',
  'nodeproof-verify.service',
  'nodeproof-check.service',
  'nodeproof-check.path',
  'nodeproof-check.timer',
  'nodeproof-next-boot.service',
  'nodeproof-next-boot.path',
  'nodeproof-join.service',
  'nodeproof-refresh.service',
  'nodeproof-refresh.timer',
] as const;

/** Units that merge: the guard stands before them. */
const mergingUnits = [
  'ensure-sysext.service',
  'systemd-confext.service',
  'systemd-confext-sysroot.service',
  'systemd-sysext.service',
  'systemd-sysext-sysroot.service',
] as const;

/**
 * Names in a unit directory that no extension may ship: units that guard, and drop-ins over them, over all that begins like
 * them, over kubeadm, whose drop-in of ours a later one could empty, or over every service. Drop-ins over kubelet and containerd are
 * not among them: extensions bring those units and settings for them, and what they come to is judged on the node.
 */
const guarded = [
  ...new Set([...verifierUnits, ...mergingUnits].flatMap((unit) => [unit, `${unit}.d`, ...prefixDropIns(unit)])),
  'kubeadm.service.d',
  'service.d',
];

/** `a-b.service` takes drop-ins of `a-.service` (systemd.unit(5)). */
function prefixDropIns(unit: string): readonly string[] {
  const [name = '', type = ''] = unit.split('.');
  const words = name.split('-');
  return words.slice(0, -1).map((_, at) => `${words.slice(0, at + 1).join('-')}-.${type}.d`);
}

/** What gives every service its environment, or the loader its libraries. */
const everywhere = ['system.conf.d', 'system-environment-generators'];

/** Paths that no extension of a node may ship: they would replace who the node is, or who judges it. */
const forbidden: Readonly<Record<Sysext['extensionClass'], readonly string[]>> = {
  sysext: [
    '/usr/lib/os-release',
    '/opt/bin',
    ...['/usr/lib', '/usr/local/lib'].flatMap((directory) => [
      ...guarded.map((name) => `${directory}/systemd/system/${name}`),
      ...everywhere.map((name) => `${directory}/systemd/${name}`),
    ]),
  ],
  confext: [
    '/etc/os-release',
    '/etc/ld.so.preload',
    ...['system', 'system.control', 'system.attached'].flatMap((directory) =>
      guarded.map((name) => `/etc/systemd/${directory}/${name}`),
    ),
    ...everywhere.map((name) => `/etc/systemd/${name}`),
  ],
};

const temporaryFileDirectories = { sysext: '/usr/lib/tmpfiles.d', confext: '/etc/tmpfiles.d' } as const;

/** What an extension ships and none may. Faults: those of its file system, limit.directory. */
export function findForbiddenPaths({
  tree,
  extensionClass,
}: Pick<Sysext, 'tree' | 'extensionClass'>): readonly string[] {
  return [
    ...forbidden[extensionClass].filter((path) => isShipped(tree, path)),
    ...findTemporaryFiles(tree, temporaryFileDirectories[extensionClass]),
  ];
}

function isShipped(tree: FileTree, path: string): boolean {
  const node = resolve(tree, path, { followLast: false });
  if (node === undefined) return false;
  // Every Flatcar has this link in its /etc, and it names the very file that counts.
  return !(path === '/etc/os-release' && node.kind === 'symlink' && tree.target(node) === '../usr/lib/os-release');
}

/** tmpfiles.d(5) makes, replaces and removes files at boot: none of its lines may name what is the verifier's. */
function findTemporaryFiles(tree: FileTree, directory: string): readonly string[] {
  const node = resolve(tree, directory, { followLast: true });
  if (node?.kind !== 'directory') return [];
  return tree
    .list(node)
    .filter(({ name, node: file }) => name.endsWith('.conf') && file.kind === 'file')
    .filter(({ name, node: file }) => {
      const text = Buffer.from(readFile(tree, file, limits.releaseFileBytes, `${directory}/${name}`)).toString(
        'latin1',
      );
      return text.split('\n').some((line) => !line.trimStart().startsWith('#') && line.includes('nodeproof'));
    })
    .map(({ name }) => `${directory}/${name}`);
}
