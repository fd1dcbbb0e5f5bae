import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import type { MemoryEntry } from './memory-tree.ts';

const fixture = (path: string) => readFileSync(new URL(`../fixtures/${path}`, import.meta.url));

export const goProgram = (name: string): Buffer => zstdDecompressSync(fixture(`go-buildinfo/${name}.zst`));

/** The content of a USR partition in the small: its root is /usr. */
export function usrEntries(): Record<string, MemoryEntry> {
  return {
    '/lib/os-release':
      'NAME="Flatcar Container Linux by Kinvolk"\nID=flatcar\nVERSION=4593.2.5\nVERSION_ID=4593.2.5\nBUILD_ID=2026-08-11-2350\nPRETTY_NAME="Flatcar Container Linux by Kinvolk 4593.2.5 (Oklo)"\nHOME_URL="https://flatcar.org/"\nFLATCAR_BOARD="amd64-usr"\nCPE_NAME="cpe:2.3:o:flatcar-linux:flatcar_linux:4593.2.5:*:*:*:*:*:*:*"\n',
    '/lib/modules/6.12.102-flatcar/modules.dep': 'kernel/fs/x.ko:\n',
    '/share/SLSA/sys-apps_systemd-257.9.json.zst': fixture('sbom/sys-apps_systemd-257.9.json.zst'),
    '/share/SLSA/dev-libs_openssl-3.5.4.json.xz': fixture('sbom/dev-libs_openssl-3.5.4.json.xz'),
    '/share/licenses/licenses.json.bz2': fixture('sbom/licenses.json.bz2'),
    '/share/flatcar/sysext/containerd-flatcar.raw': 'an image',
    '/bin/agent': { content: goProgram('go-amd64'), mode: 0o755 },
    '/bin/stripped': { content: goProgram('go-unknown'), mode: 0o755 },
    '/bin/sh': { kind: 'symlink', target: 'bash' },
    '/bin/script': { content: '#!/bin/sh\n', mode: 0o4755 },
  };
}
