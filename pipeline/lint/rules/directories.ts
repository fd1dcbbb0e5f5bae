import type { NodeWorld } from '../../collection/index.ts';
import type { LintFinding } from '../finding.ts';

/** Where the next merge takes extensions from, and where the verifier has its own. */
const directories = [
  '/etc/extensions',
  '/run/extensions',
  '/var/lib/extensions',
  '/usr/local/lib/extensions',
  '/usr/lib/extensions',
  '/etc/confexts',
  '/run/confexts',
  '/var/lib/confexts',
  '/opt/extensions',
  '/var/lib/nodeproof',
] as const;

const writableByOthers = 0o022;

/** Directories that others than root may write to, or own. */
export function lintDirectories(world: NodeWorld): readonly LintFinding[] {
  return directories.flatMap((path) => {
    const found = world.place(path);
    if (found?.kind !== 'directory') return [];
    const problem =
      (found.mode & writableByOthers) !== 0
        ? `its mode is ${found.mode.toString(8).padStart(4, '0')}`
        : found.uid !== 0 && !world.simulated
          ? `user ${found.uid} owns it`
          : null;
    if (problem === null) return [];
    return [
      {
        code: 'lint.writable-directory',
        level: 'error',
        message: `Others than root can put files into ${path}: ${problem}`,
        file: path,
        line: null,
        fix: `chown root:root ${path} && chmod 0755 ${path}`,
      } as const,
    ];
  });
}
