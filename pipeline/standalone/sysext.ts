import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Fault } from '../core/index.ts';
import type { GatedArchitecture } from './environment-gate/gate.ts';

/** systemd's words (ConditionArchitecture=). */
const architectureWords = { x64: 'x86-64', arm64: 'arm64' } as const satisfies Record<GatedArchitecture, string>;

/**
 * The program as a sysext for any operating system, so that administrators find it in their PATH. It never gates: that is
 * the one in /var/lib/nodeproof. The same program gives the same bytes. Faults: standalone.mksquashfs.
 */
export function buildSysext(program: Uint8Array, architecture: GatedArchitecture): Uint8Array {
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-sysext-'));
  try {
    const tree = join(scratch, 'tree');
    place(join(tree, 'usr/bin/nodeproof'), program, 0o755);
    const release = `ID=_any\nARCHITECTURE=${architectureWords[architecture]}\n`;
    place(join(tree, 'usr/lib/extension-release.d/extension-release.nodeproof'), Buffer.from(release), 0o644);
    const image = join(scratch, 'nodeproof.raw');
    squash(tree, image);
    return readFileSync(image);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function place(path: string, content: Uint8Array, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

/** Nothing of this machine goes in: no owners, times or attributes. Blocks that overlayfs reads whole. */
function squash(tree: string, image: string): void {
  const mksquashfs = ['/usr/bin/mksquashfs', '/usr/sbin/mksquashfs'].find((path) => existsSync(path));
  if (mksquashfs === undefined)
    throw new Fault('standalone.mksquashfs', 'Cannot make a sysext: mksquashfs is not installed', {
      next: 'Install squashfs-tools, or leave --sysext out',
    });
  const layout = ['-comp', 'zstd', '-Xcompression-level', '19', '-b', '512K', '-no-xattrs'];
  const nobody = ['-all-root', '-all-time', '0', '-mkfs-time', '0', '-noappend', '-no-progress', '-quiet'];
  execFileSync(mksquashfs, [tree, image, ...layout, ...nobody], { env: {}, stdio: ['ignore', 'ignore', 'inherit'] });
}
