// The entry of a hashing thread. It imports nothing of ours but types: it starts in a few milliseconds and a bundler can
// ship it as one small file.
import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readSync, readvSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { DigestTask, LeafTask, Task, TaskAnswer } from './task.ts';

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.on('message', (task: Task) => parentPort?.postMessage(answer(task)));

function answer(task: Task): TaskAnswer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(task.path, 'r');
    return task.kind === 'digest' ? digest(task, descriptor) : hashLeaves(task, descriptor);
  } catch (error) {
    if (task.kind === 'leaves') Atomics.store(task.nextGroup, 0, task.plan.blocks);
    return { problem: error instanceof Error ? error.message : String(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

const digestReadBytes = 256 * 1024;

function digest({ algorithm, offsetBytes, sizeBytes }: DigestTask, descriptor: number): TaskAnswer {
  const state = createHash(algorithm);
  const buffer = Buffer.allocUnsafeSlow(digestReadBytes);
  for (let done = 0; done < sizeBytes;) {
    const count = readSync(descriptor, buffer, 0, Math.min(buffer.byteLength, sizeBytes - done), offsetBytes + done);
    if (count === 0) return { problem: `it ends at byte ${done} of ${sizeBytes}` };
    state.update(count === buffer.byteLength ? buffer : buffer.subarray(0, count));
    done += count;
  }
  return { hex: state.digest('hex') };
}

/** Bytes hashed between two looks at the shared counter, and bytes and buffers of one read (IOV_MAX is 1024). */
const groupBytes = 4 * 1024 * 1024;
const batchBytes = 1024 * 1024;
const batchBuffers = 1024;

/** Takes groups of whole hash blocks off the shared counter until none is left. */
function hashLeaves(task: LeafTask, descriptor: number): TaskAnswer {
  const { blocks, blockBytes, hashesPerBlock } = task.plan;
  const hashBlocksPerGroup = Math.max(1, Math.floor(groupBytes / (blockBytes * hashesPerBlock)));
  const blocksPerGroup = hashBlocksPerGroup * hashesPerBlock;
  const slots = allocateSlots(task);
  for (;;) {
    const first = Atomics.add(task.nextGroup, 0, 1) * blocksPerGroup;
    if (first >= blocks) return { hex: '' };
    const end = Math.min(first + blocksPerGroup, blocks);
    for (let block = first; block < end; block += slots.length) {
      const count = Math.min(slots.length, end - block);
      const problem = readBlocks(task, descriptor, slots, block, count);
      if (problem !== undefined) return { problem };
      hashSlots(task, slots, block, count);
    }
  }
}

/** Where the salt stands beside the block already, so that one call hashes both and nothing is copied. */
type Slot = { readonly salted: Buffer; readonly block: Buffer };

function allocateSlots({ plan }: LeafTask): readonly Slot[] {
  const salt = Buffer.from(plan.salt, 'hex');
  const slotBytes = salt.byteLength + plan.blockBytes;
  const count = Math.max(1, Math.min(batchBuffers, Math.floor(batchBytes / plan.blockBytes)));
  const memory = Buffer.alloc(count * slotBytes);
  return Array.from({ length: count }, (_, index) => {
    const salted = memory.subarray(index * slotBytes, (index + 1) * slotBytes);
    const blockStart = plan.saltFirst ? salt.byteLength : 0;
    salted.set(salt, plan.saltFirst ? 0 : plan.blockBytes);
    return { salted, block: salted.subarray(blockStart, blockStart + plan.blockBytes) };
  });
}

function readBlocks(
  { plan, offsetBytes }: LeafTask,
  descriptor: number,
  slots: readonly Slot[],
  first: number,
  count: number,
): string | undefined {
  const buffers = slots.slice(0, count).map(({ block }) => block);
  const start = offsetBytes + first * plan.blockBytes;
  let done = readvSync(descriptor, buffers, start);
  // A short read is rare: the rest comes block by block.
  while (done < count * plan.blockBytes) {
    const buffer = buffers[Math.floor(done / plan.blockBytes)];
    if (buffer === undefined) break;
    const more = readSync(descriptor, buffer, done % plan.blockBytes, blockRest(plan.blockBytes, done), start + done);
    if (more === 0) return `it ends at byte ${start + done}`;
    done += more;
  }
  return undefined;
}

function blockRest(blockBytes: number, done: number): number {
  return blockBytes - (done % blockBytes);
}

function hashSlots({ plan, level }: LeafTask, slots: readonly Slot[], first: number, count: number): void {
  const { cryptoName, hashesPerBlock, hashBlockBytes, slotBytes } = plan;
  for (let index = 0; index < count; index++) {
    const slot = slots[index];
    if (slot === undefined) return;
    const block = first + index;
    const place = Math.floor(block / hashesPerBlock) * hashBlockBytes + (block % hashesPerBlock) * slotBytes;
    level.set(hash(cryptoName, slot.salted, 'buffer'), place);
  }
}
