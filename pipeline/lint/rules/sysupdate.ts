import type { NodeWorld } from '../../collection/index.ts';
import { listUnverifiedTransfers } from '../../units/index.ts';
import type { LintFinding } from '../finding.ts';

/** Transfers of systemd-sysupdate that take what nobody signed. */
export function lintSysupdate(world: NodeWorld): readonly LintFinding[] {
  return listUnverifiedTransfers(world).map(
    ({ file, line, value }) =>
      ({
        code: 'lint.sysupdate-verify',
        level: 'error',
        message: `systemd-sysupdate takes what ${file} names without a signature: Verify=${value}`,
        file,
        line,
        fix: 'Mask systemd-sysupdate.timer and bring extensions with the release that was signed; or have SHA256SUMS signed and write Verify=yes',
      }) as const,
  );
}
