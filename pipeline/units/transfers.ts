import { limits } from '../core/index.ts';
import { parseUnitFile } from '../formats/systemd-unit/index.ts';
import type { UnitTree } from './unit-tree.ts';
import type { PlacedSetting } from './unit.ts';

const roots = ['/etc', '/run', '/usr/local/lib', '/usr/lib'] as const;

/**
 * The settings of systemd-sysupdate's transfers that take what nobody signed (sysupdate.d(5), Verify=).
 * Faults: file.*, limit.*, bytes.utf8.
 */
export function listUnverifiedTransfers(tree: UnitTree): readonly PlacedSetting[] {
  return listTransfers(tree).flatMap((file) => {
    const settings = parseUnitFile(tree.readText(file, limits.unitFileBytes) ?? '');
    const verify = settings.findLast(({ section, name }) => section === 'Transfer' && name === 'Verify');
    return verify === undefined || !/^(?:no|n|false|f|off|0)$/i.test(verify.value) ? [] : [{ ...verify, file }];
  });
}

/** `sysupdate.d` and `sysupdate.COMPONENT.d`. */
function listTransfers(tree: UnitTree): readonly string[] {
  return roots.flatMap((root) =>
    (tree.listNames(root) ?? [])
      .filter((name) => /^sysupdate\.(?:.+\.)?d$/.test(name))
      .flatMap((folder) =>
        (tree.listNames(`${root}/${folder}`) ?? [])
          .filter((name) => /\.(?:conf|transfer)$/.test(name))
          .map((name) => `${root}/${folder}/${name}`)
          .filter((path) => tree.place(path)?.kind === 'file'),
      ),
  );
}
