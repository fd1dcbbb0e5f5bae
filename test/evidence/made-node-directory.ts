import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MadeNode } from './made-node.ts';

const captured = 'run/nodeproof/captured';
const capturedNames: Readonly<Record<string, string>> = {
  '/$dmsetup-table': `${captured}/dmsetup-table`,
  '/$dmsetup-status': `${captured}/dmsetup-status`,
  '/$losetup': `${captured}/losetup.json`,
};

/** Writes a made-up node into a directory, in the layout of pipeline/edge/node/README.md. Devices become empty files. */
export function writeMadeNode(root: string, node: MadeNode): void {
  const numbers: Record<string, { inode: number; device: string }> = {};
  for (const [path, entry] of Object.entries(node)) {
    const place = join(root, capturedNames[path] ?? path);
    mkdirSync(dirname(place), { recursive: true });
    if (typeof entry === 'string' || entry instanceof Uint8Array) writeFileSync(place, entry);
    else if ('link' in entry) symlinkSync(entry.link, place);
    else if ('content' in entry) {
      if (entry.content instanceof Error) throw new TypeError(`${path} cannot be written`);
      writeFileSync(place, entry.content);
      numbers[path] = { inode: entry.inode, device: entry.device };
    } else if ('kind' in entry && entry.kind === 'directory') mkdirSync(place, { recursive: true });
    else writeFileSync(place, '');
  }
  writeFile(root, 'architecture', 'x86-64\n');
  writeFile(root, 'kernel-release', '6.12.102-flatcar\n');
  writeFile(root, 'files.json', JSON.stringify(numbers));
}

function writeFile(root: string, name: string, text: string): void {
  mkdirSync(join(root, captured), { recursive: true });
  writeFileSync(join(root, captured, name), text);
}
