import { checkRange, limits, type Source } from '../../core/index.ts';
import { type Run, runsOf } from './block-map.ts';
import type { Inode } from './inode.ts';
import type { Volume } from './volume.ts';

/** The content of a regular file as a Source; undefined where it is inline or in more pieces than are kept in memory. */
export function openContent(volume: Volume, inode: Inode): Source | undefined {
  if (inode.inline) return undefined;
  const { sizeBytes, id } = inode.node;
  const { blockBytes } = volume.superblock;
  const runs: Run[] = [];
  for (const run of runsOf(volume, inode, Math.ceil(sizeBytes / blockBytes))) {
    if (runs.length === limits.ext4Runs) return undefined;
    runs.push(run);
  }
  const source: Source = {
    name: `inode ${id}`,
    sizeBytes,
    read(offset, length) {
      checkRange(source, offset, length);
      const bytes = Buffer.allocUnsafeSlow(length);
      fillRange(volume, runs, id, offset, bytes);
      return bytes;
    },
    readInto(offset, target) {
      checkRange(source, offset, target.byteLength);
      fillRange(volume, runs, id, offset, target);
    },
  };
  return source;
}

/** Runs ascend and do not overlap; what lies between them is zeros. */
function fillRange(volume: Volume, runs: readonly Run[], id: number, offset: number, target: Uint8Array): void {
  const { blockBytes } = volume.superblock;
  const end = offset + target.byteLength;
  let filled = offset;
  for (let at = firstRunAfter(runs, Math.floor(offset / blockBytes)); at < runs.length; at++) {
    const run = runs[at];
    if (run === undefined || run.logical * blockBytes >= end) break;
    const from = Math.max(offset, run.logical * blockBytes);
    const to = Math.min(end, (run.logical + run.count) * blockBytes);
    const firstBlock = Math.floor(from / blockBytes) - run.logical;
    const skipped = from - (run.logical + firstBlock) * blockBytes;
    const count = Math.ceil((skipped + to - from) / blockBytes);
    target.fill(0, filled - offset, from - offset);
    const place = target.subarray(from - offset, to - offset);
    volume.readBytesInto(place, run.physical + firstBlock, count, skipped, `inode ${id}`);
    filled = to;
  }
  target.fill(0, filled - offset);
}

/** The first run that ends behind a block, by halving. */
function firstRunAfter(runs: readonly Run[], block: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const run = runs[middle];
    if (run !== undefined && run.logical + run.count <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}
