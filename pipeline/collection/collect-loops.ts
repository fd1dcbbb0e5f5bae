import type { LoopLine } from '../formats/losetup/index.ts';
import { type Extension, isWholeImage, type LoopDevice } from '../evidence/index.ts';
import { mapAtOnce } from './map-at-once.ts';
import type { Notes } from './notes.ts';
import type { NodeWorld } from './world.ts';

/** Devices that are hashed at once, each by a thread of its own. */
const devicesAtOnce = 8;

/**
 * Loop devices with their partitions, and, of those over an extension's file, the digest of what the device shows now:
 * that is what runs, wherever the file went.
 */
export async function collectLoops(
  lines: readonly LoopLine[],
  extensions: readonly Extension[],
  world: NodeWorld,
  notes: Notes,
): Promise<LoopDevice[]> {
  return await mapAtOnce(devicesAtOnce, lines, async (line) => {
    const loop = describeLoop(line, world, notes);
    const related = extensions.filter((extension) => isRelated(line, extension));
    const isTold = related.length > 0 && isWholeImage(loop) && related.every(fillsBlocks);
    return isTold ? { ...loop, sha256: await digestDevice(line.name, world, notes) } : loop;
  });
}

function isRelated({ backingFile, backingInode }: LoopLine, { resolvedPath, inode }: Extension): boolean {
  return backingFile === resolvedPath || (backingInode !== null && backingInode === inode);
}

/** A loop device ends at its last whole block: it shows less than a file that does not fill one. */
function fillsBlocks({ sizeBytes }: Extension): boolean {
  return sizeBytes !== null && sizeBytes % 4096 === 0;
}

function describeLoop(line: LoopLine, world: NodeWorld, notes: Notes): LoopDevice {
  const name = line.name.split('/').at(-1) ?? line.name;
  const place = `/sys/block/${name}`;
  const sequence = notes.attempt(`${place}/diskseq`, () => world.readText(`${place}/diskseq`, 64)?.trim(), undefined);
  return {
    ...line,
    diskSequence: sequence !== undefined && /^\d{1,15}$/.test(sequence) ? Number(sequence) : null,
    partitions: notes.attempt(place, () => readPartitions(place, name, world), null),
    sha256: null,
  };
}

function readPartitions(place: string, name: string, world: NodeWorld): string[] | null {
  const names = world.listNames(place);
  if (names === undefined) return null;
  return names
    .filter((part) => part.startsWith(`${name}p`))
    .flatMap((part) => {
      const device = world.readText(`${place}/${part}/dev`, 64)?.trim();
      return device !== undefined && /^\d{1,10}:\d{1,10}$/.test(device) ? [device] : [];
    });
}

const loopName = /^\/dev\/loop\d{1,7}$/;

async function digestDevice(path: string, world: NodeWorld, notes: Notes): Promise<string | null> {
  if (!loopName.test(path) || notes.attempt(path, () => world.place(path), undefined) === undefined) return null;
  try {
    using source = world.openSource(path);
    const [sha256] = await world.digestSource(source, ['sha256']);
    return sha256?.hex ?? null;
  } catch (error) {
    notes.note(path, error);
    return null;
  }
}
