import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { change, image, kubernetesPath, losetup, replace, stableNode } from '../evidence/made-node.ts';
import { writeMadeNode } from '../evidence/made-node-directory.ts';
import { packOf, policy, setOf } from '../evidence/made-release.ts';

/** A root with a sysext of true size, before or after its merge, and what judges it. */
export async function writeNode(scratch: string, sysext: string, state: 'merged' | 'unmerged') {
  const merged = change(stableNode, {
    [kubernetesPath]: { content: readFileSync(sysext), inode: 131_080, device: '8:9' },
  });
  const node =
    state === 'merged'
      ? merged
      : change(replace(merged, '/proc/self/mountinfo', /^60 .*\n/m, ''), {
          '/usr/.systemd-sysext/extensions': undefined,
          '/usr/.systemd-sysext/dev': undefined,
          '/$losetup': losetup([]),
        });
  const root = join(scratch, 'root');
  mkdirSync(root);
  writeMadeNode(root, node);
  const place = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(scratch, name), content);
    return join(scratch, name);
  };
  const policyPath = place('policy.yaml', policy());
  const packPath = place('pack.json', await packOf([await setOf(merged, 'workers')]));
  const time = '2026-11-22T12:00:00Z';
  return {
    sysexts: [join(root, kubernetesPath), place('containerd-flatcar.raw', image('containerd-flatcar.raw'))],
    options: [`--policy=${policyPath}`, `--trust-pack=${packPath}`, `--root=${root}`, `--at=${time}`],
    places: [root, policyPath, packPath, time],
  };
}
