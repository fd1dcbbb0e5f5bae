import { Fault, limits } from '../core/index.ts';
import { architectureOf, parseElfHeader } from '../formats/elf/index.ts';
import { type FileTree, readFile, resolvePlaced, type TreeNode, walk } from '../formats/file-tree/index.ts';
import { type OsRelease, parseOsRelease } from '../formats/os-release/index.ts';

/** Reads /usr/lib/os-release, the one that ships with /usr; /etc/os-release is on a writable file system. Faults: image.os-release, os-release.*. */
export function readOsRelease(tree: FileTree): OsRelease {
  const path = '/usr/lib/os-release';
  const found = resolvePlaced(tree, path);
  if (found === undefined)
    throw new Fault('image.os-release', `Cannot read the operating system: no ${path}`, { where: path });
  return parseOsRelease(readFile(tree, found.node, limits.releaseFileBytes, path));
}

/** Programs that every systemd distribution has; the first one that is there tells the architecture. */
const programs = [
  '/usr/lib/systemd/systemd',
  '/usr/bin/systemctl',
  '/usr/bin/bash',
  '/usr/bin/sh',
  '/usr/bin/true',
] as const;

/** Programs looked at where none of the usual ones is there. */
const triedPrograms = 100;

/** systemd's word for the architecture that the programs are built for. Faults: image.architecture, elf.*. */
export function readArchitecture(tree: FileTree): string {
  for (const path of programs) {
    const found = resolvePlaced(tree, path);
    if (found?.node.kind !== 'file') continue;
    const architecture = programArchitecture(tree, found.node);
    if (architecture !== null) return architecture;
  }
  const bin = resolvePlaced(tree, '/usr/bin');
  let tried = 0;
  if (bin?.node.kind === 'directory') {
    for (const entry of walk(tree, bin.node, bin.path)) {
      if (entry.node.kind !== 'file') continue;
      if (++tried > triedPrograms) break;
      const architecture = programArchitecture(tree, entry.node);
      if (architecture !== null) return architecture;
    }
  }
  throw new Fault('image.architecture', 'Cannot tell the architecture: no ELF program under /usr/bin', {
    where: '/usr/bin',
  });
}

function programArchitecture(tree: FileTree, file: TreeNode): string | null {
  for (const chunk of tree.chunks(file)) {
    const isElf =
      chunk.byteLength >= 64 && chunk[0] === 0x7f && chunk[1] === 0x45 && chunk[2] === 0x4c && chunk[3] === 0x46;
    return isElf ? architectureOf(parseElfHeader(chunk.subarray(0, 64))) : null;
  }
  return null;
}
