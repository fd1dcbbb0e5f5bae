import type { NodeWorld } from '../../collection/index.ts';
import { limits } from '../../core/index.ts';
import { parseUnitFile } from '../../formats/systemd-unit/index.ts';
import type { LintFinding } from '../finding.ts';

const roots = ['/etc', '/run', '/usr/local/lib', '/usr/lib'] as const;

/** Transfers of systemd-sysupdate that take what nobody signed (sysupdate.d(5), Verify=). */
export function lintSysupdate(world: NodeWorld): readonly LintFinding[] {
  return listTransfers(world).flatMap((file) => {
    const settings = parseUnitFile(world.readText(file, limits.unitFileBytes) ?? '');
    const verify = settings.findLast(({ section, name }) => section === 'Transfer' && name === 'Verify');
    if (verify === undefined || !/^(?:no|n|false|f|off|0)$/i.test(verify.value)) return [];
    return [
      {
        code: 'lint.sysupdate-verify',
        level: 'error',
        message: `systemd-sysupdate takes what ${file} names without a signature: Verify=${verify.value}`,
        file,
        line: verify.line,
        fix: 'Mask systemd-sysupdate.timer and bring extensions with the release that was signed; or have SHA256SUMS signed and write Verify=yes',
      } as const,
    ];
  });
}

/** `sysupdate.d` and `sysupdate.COMPONENT.d`. */
function listTransfers(world: NodeWorld): readonly string[] {
  return roots.flatMap((root) =>
    (world.listNames(root) ?? [])
      .filter((name) => /^sysupdate\.(?:.+\.)?d$/.test(name))
      .flatMap((folder) =>
        (world.listNames(`${root}/${folder}`) ?? [])
          .filter((name) => /\.(?:conf|transfer)$/.test(name))
          .map((name) => `${root}/${folder}/${name}`)
          .filter((path) => world.place(path)?.kind === 'file'),
      ),
  );
}
