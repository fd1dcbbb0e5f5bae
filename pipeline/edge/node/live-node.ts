import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { machine, release } from 'node:os';
import { decodeUtf8, Fault } from '../../core/index.ts';
import type { NodeWorld } from '../../collection/index.ts';
import { openFileSource, readSmallFile } from '../files/index.ts';
import { askCommand } from './command.ts';
import type { NodeOptions } from './node-directory.ts';
import { describePlace, readNames } from './placed-file.ts';
import { lookUp } from './system-call.ts';

/** systemd's words (systemd.unit(5), ConditionArchitecture=) for what uname(2) calls the machine. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'x86-64',
  aarch64: 'arm64',
  riscv64: 'riscv64',
  ppc64le: 'ppc64-le',
  s390x: 's390x',
  loongarch64: 'loongarch64',
};

/** The running system as a node. Nothing in the environment is read, and no command is looked up in PATH. */
export function openLiveNode({ hashing, now, digestMemory }: NodeOptions): NodeWorld {
  return {
    simulated: false,
    now,
    architecture: architectures[machine()] ?? null,
    kernelRelease: release(),
    readBytes: readFileBytes,
    readText: (path, maxBytes) => {
      const bytes = readFileBytes(path, maxBytes);
      return bytes === undefined ? undefined : decodeUtf8(bytes, path);
    },
    listNames: (path) => readNames(path, path),
    readLink: (path) => {
      if (lookUp(path, () => lstatSync(path))?.isSymbolicLink() !== true) return undefined;
      const target = lookUp(path, () => readlinkSync(path, { encoding: 'buffer' }));
      return target === undefined ? undefined : decodeUtf8(target, `the link ${path}`);
    },
    place: (path) => {
      const stats = lookUp(path, () => statSync(path, { bigint: true }));
      if (stats === undefined) return undefined;
      const real = lookUp(path, () => realpathSync.native(path, { encoding: 'buffer' }));
      return real === undefined ? undefined : describePlace(decodeUtf8(real, `where ${path} leads`), stats);
    },
    openSource: openFileSource,
    ask: askCommand,
    hashLeaves: hashing.hashLeaves,
    digestSource: (source, algorithms) => hashing.digestSource(source, algorithms),
    ...(digestMemory === undefined ? {} : { digestMemory }),
  };
}

function readFileBytes(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    return readSmallFile(path, maxBytes);
  } catch (error) {
    if (error instanceof Fault && error.code === 'file.missing') return undefined;
    throw error;
  }
}
