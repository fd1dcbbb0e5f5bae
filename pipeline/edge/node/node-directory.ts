import { lstatSync, type BigIntStats, readlinkSync, realpathSync, statSync } from 'node:fs';
import * as z from 'zod/mini';
import { decodeUtf8, Fault, limits } from '../../core/index.ts';
import type { DigestMemory, NodeCommand, NodeWorld, PlacedFile } from '../../collection/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { parseWith } from '../../formats/schema/index.ts';
import { type FileSource, openFileSource } from '../files/index.ts';
import type { HashingPool } from '../hashing/index.ts';
import { describePlace, readNames } from './placed-file.ts';
import { lookUp } from './system-call.ts';

export type NodeOptions = {
  readonly hashing: HashingPool;
  readonly now: Date;
  readonly digestMemory?: DigestMemory | undefined;
};

/** Where a directory keeps what commands and the kernel would have told; README.md beside this file. */
const captured = '/run/nodeproof/captured';

const capturedNames = {
  'dmsetup-table': 'dmsetup-table',
  'dmsetup-status': 'dmsetup-status',
  losetup: 'losetup.json',
} as const satisfies Record<NodeCommand, string>;

const fileNumbersSchema = z.record(
  z.string(),
  z.strictObject({
    inode: z.int().check(z.nonnegative()),
    device: z.string().check(z.regex(/^\d{1,10}:\d{1,10}$/)),
  }),
);

const capturedBytes = limits.commandBytes;

/**
 * A directory as a node: nothing of the host is read. Paths are resolved inside it as chroot(2) would, component by
 * component, and devices in it are never opened.
 * Faults: file.*, captured.field, json.* where its captured facts do not read.
 */
export function openNodeDirectory(root: string, { hashing, now, digestMemory }: NodeOptions): NodeWorld {
  const top = openTop(root);
  const readText = (path: string, maxBytes: number) => readTextInside(top, path, maxBytes);
  const word = (name: string) => {
    const text = readText(`${captured}/${name}`, 256)?.trim();
    return text === undefined || text === '' ? null : text;
  };
  const numbers = readFileNumbers(top);
  return {
    simulated: true,
    now,
    architecture: word('architecture'),
    kernelRelease: word('kernel-release'),
    readBytes: (path, maxBytes) => readInside(top, path, maxBytes),
    readText,
    listNames: (path) => {
      const found = resolveInside(top, path);
      return found === undefined ? undefined : readNames(found.hostPath, path);
    },
    readLink: (path) => readLinkInside(top, path),
    place: (path) => {
      const found = resolveInside(top, path);
      return found === undefined ? undefined : placeWith(numbers, found);
    },
    openSource: (path) => openInside(top, path),
    ask: (command) => readText(`${captured}/${capturedNames[command]}`, capturedBytes),
    hashLeaves: hashing.hashLeaves,
    digestSource: (source, algorithms) => hashing.digestSource(source, algorithms),
    ...(digestMemory === undefined ? {} : { digestMemory }),
  };
}

function openTop(root: string): string {
  const top = lookUp(root, () => realpathSync.native(root));
  if (top === undefined || lookUp(root, () => statSync(top))?.isDirectory() !== true)
    throw new Fault('file.missing', `Cannot look at ${root} as a node: no such directory`, { where: root });
  return top === '/' ? '' : top;
}

type Found = {
  /** Its path in the node, without links. */
  readonly path: string;
  readonly hostPath: string;
  /** Undefined for /dev/null, which a directory seldom has and every node does. */
  readonly stats: BigIntStats | undefined;
};

const nullDevice = '/dev/null';

/** Follows a path and all links in it inside the top: an absolute link starts there, `..` ends there. */
function resolveInside(top: string, path: string): Found | undefined {
  const pending = path.split('/').reverse();
  const place: string[] = [];
  let links = 0;
  let stats = lookUp(path, () => lstatSync(`${top}/`, { bigint: true }));
  while (pending.length > 0) {
    const name = pending.pop() ?? '';
    if (name === '' || name === '.') continue;
    if (name === '..') {
      place.pop();
      stats = lookUp(path, () => lstatSync(hostPathOf(top, place), { bigint: true }));
      continue;
    }
    const here = hostPathOf(top, [...place, name]);
    const found = lookUp(path, () => lstatSync(here, { bigint: true }));
    if (found?.isSymbolicLink() === true) {
      const target = lookUp(path, () => readlinkSync(here, { encoding: 'buffer' }));
      if (target === undefined || ++links > limits.symlinks) return undefined;
      const text = decodeUtf8(target, `the link ${path}`);
      if (text.startsWith('/')) place.length = 0;
      pending.push(...text.split('/').reverse());
      continue;
    }
    place.push(name);
    stats = found;
    if (found === undefined) break;
  }
  const wanted = [...place, ...pending.toReversed()].filter((name) => name !== '' && name !== '.');
  if (`/${wanted.join('/')}` === nullDevice) return { path: nullDevice, hostPath: '', stats: undefined };
  if (stats === undefined || wanted.length > place.length) return undefined;
  return { path: `/${place.join('/')}`, hostPath: hostPathOf(top, place), stats };
}

function hostPathOf(top: string, place: readonly string[]): string {
  return `${top}/${place.join('/')}`;
}

function placeWith(numbers: FileNumbers, { path, stats }: Found): PlacedFile {
  if (stats === undefined)
    return { path, kind: 'character-device', inode: 0, device: '0:0', sizeBytes: 0, mode: 0o666, uid: 0 };
  const told = numbers.get(path);
  return { ...describePlace(path, stats), ...told };
}

/**
 * Opens a regular file inside the top. What is open is asked where it lies, since a component could have been made a link
 * meanwhile. Faults: file.missing, file.permission, file.kind, file.read.
 */
function openInside(top: string, path: string): FileSource {
  const found = resolveInside(top, path);
  if (found === undefined) throw new Fault('file.missing', `Cannot open ${path}: no such file`, { where: path });
  if (found.stats?.isFile() !== true)
    throw new Fault('file.kind', `Cannot read ${path}: want a regular file in the directory`, { where: path });
  const source = openFileSource(found.hostPath);
  const opened = source.location.path;
  if (opened !== found.hostPath && lookUp(path, () => readlinkSync(opened)) !== found.hostPath) {
    source[Symbol.dispose]();
    throw new Fault('file.read', `Cannot read ${path}: it was replaced meanwhile`, { where: path });
  }
  // Evidence and messages speak of the node's paths, not of where the directory lies.
  return { ...source, name: path };
}

function readTextInside(top: string, path: string, maxBytes: number): string | undefined {
  const bytes = readInside(top, path, maxBytes);
  return bytes === undefined ? undefined : decodeUtf8(bytes, path);
}

function readInside(top: string, path: string, maxBytes: number): Uint8Array | undefined {
  const found = resolveInside(top, path);
  if (found === undefined) return undefined;
  using source = openInside(top, path);
  if (source.sizeBytes > maxBytes)
    throw new Fault('limit.file-bytes', `Cannot read ${path}: it has more than ${maxBytes} bytes`, { where: path });
  return source.read(0, source.sizeBytes);
}

function readLinkInside(top: string, path: string): string | undefined {
  const cut = path.lastIndexOf('/');
  const parent = resolveInside(top, path.slice(0, cut));
  // /dev/null has no place in the directory: what is below it would be the host's.
  if (parent?.stats === undefined) return undefined;
  const here = `${parent.hostPath}/${path.slice(cut + 1)}`;
  if (lookUp(path, () => lstatSync(here))?.isSymbolicLink() !== true) return undefined;
  const target = lookUp(path, () => readlinkSync(here, { encoding: 'buffer' }));
  return target === undefined ? undefined : decodeUtf8(target, `the link ${path}`);
}

type FileNumbers = ReadonlyMap<string, z.output<typeof fileNumbersSchema>[string]>;

/** Inode and device numbers of files as they were on the node: a checkout has others. */
function readFileNumbers(top: string): FileNumbers {
  const path = `${captured}/files.json`;
  const text = readTextInside(top, path, capturedBytes);
  if (text === undefined) return new Map();
  const json = parseJsonBytes(Buffer.from(text), path, capturedBytes);
  return new Map(Object.entries(parseWith(fileNumbersSchema, json, 'captured.field', path)));
}
