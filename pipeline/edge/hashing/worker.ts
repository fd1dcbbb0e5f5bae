import type { DigestTask, LeafTask, Task, TaskAnswer } from './task.ts';

/**
 * The whole program of a hashing thread. A thread is given the text of this function and nothing else, so it must not
 * reach outside itself: it imports nothing and takes Node's modules from the process. Thus it runs the same from sources,
 * where a thread that loads a .ts file would first load the type stripper (60 ms of CPU each, as much as hashing
 * 100 MB), and from any bundle, which then needs no second file.
 */
export function runHashingThread(): void {
  const { createHash, hash } = process.getBuiltinModule('node:crypto');
  const { closeSync, openSync, readSync, readvSync } = process.getBuiltinModule('node:fs');
  const { parentPort } = process.getBuiltinModule('node:worker_threads');

  const digestReadBytes = 256 * 1024;
  /** Bytes hashed between two looks at the shared counter, and bytes and buffers of one read (IOV_MAX is 1024). */
  const groupBytes = 4 * 1024 * 1024;
  const batchBytes = 1024 * 1024;
  const batchBuffers = 1024;

  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.on('message', (task: Task) => parentPort.postMessage(answer(task)));

  function answer(task: Task): TaskAnswer {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(task.path, 'r');
      return task.kind === 'digest' ? digest(task, descriptor) : hashLeaves(task, descriptor);
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  function digest({ algorithm, offsetBytes, sizeBytes }: DigestTask, descriptor: number): TaskAnswer {
    const state = createHash(algorithm);
    const buffer = Buffer.allocUnsafeSlow(digestReadBytes);
    for (let done = 0; done < sizeBytes;) {
      const wanted = Math.min(buffer.byteLength, sizeBytes - done);
      const count = readSync(descriptor, buffer, 0, wanted, offsetBytes + done);
      if (count === 0) return { problem: `it ends at byte ${done} of ${sizeBytes}` };
      state.update(count === buffer.byteLength ? buffer : buffer.subarray(0, count));
      done += count;
    }
    return { hex: state.digest('hex') };
  }

  /** Takes groups of whole hash blocks off the shared counter until none is left. */
  function hashLeaves(task: LeafTask, descriptor: number): TaskAnswer {
    const { blocks, blockBytes, hashesPerBlock } = task.plan;
    const hashBlocksPerGroup = Math.max(1, Math.floor(groupBytes / (blockBytes * hashesPerBlock)));
    const blocksPerGroup = hashBlocksPerGroup * hashesPerBlock;
    const slots = allocateSlots(task);
    const zeros = hashZeros(task, slots);
    for (;;) {
      const first = Atomics.add(task.nextGroup, 0, 1) * blocksPerGroup;
      if (first >= blocks) return { hex: '' };
      const end = Math.min(first + blocksPerGroup, blocks);
      for (let block = first; block < end; block += slots.length) {
        const count = Math.min(slots.length, end - block);
        const problem = readBlocks(task, descriptor, slots, block, count);
        if (problem !== undefined) return { problem };
        hashSlots(task, slots, zeros, block, count);
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

  /** The block that most others are equal to, as free space of a file system is zeros: hashed once, then only compared. */
  type Zeros = { readonly block: Buffer; readonly digest: string };

  /** Slots hold zeros until blocks are read into them. */
  function hashZeros({ plan }: LeafTask, [slot]: readonly Slot[]): Zeros {
    return { block: Buffer.alloc(plan.blockBytes), digest: hash(plan.cryptoName, slot?.salted ?? '', 'binary') };
  }

  function readBlocks(
    { plan, offsetBytes }: LeafTask,
    descriptor: number,
    slots: readonly Slot[],
    first: number,
    count: number,
  ): string | undefined {
    const { blockBytes } = plan;
    const buffers = slots.slice(0, count).map(({ block }) => block);
    const start = offsetBytes + first * blockBytes;
    let done = readvSync(descriptor, buffers, start);
    // A short read is rare: the rest comes block by block.
    for (let buffer = buffers[Math.floor(done / blockBytes)]; buffer !== undefined;) {
      const inBlock = done % blockBytes;
      const count = readSync(descriptor, buffer, inBlock, blockBytes - inBlock, start + done);
      if (count === 0) return `it ends at byte ${start + done}`;
      done += count;
      buffer = buffers[Math.floor(done / blockBytes)];
    }
    return undefined;
  }

  function hashSlots(
    { plan, level }: LeafTask,
    slots: readonly Slot[],
    zeros: Zeros,
    first: number,
    count: number,
  ): void {
    const { cryptoName, hashesPerBlock, hashBlockBytes, slotBytes } = plan;
    const places = Buffer.from(level.buffer, level.byteOffset, level.byteLength);
    for (let index = 0; index < count; index++) {
      const slot = slots[index];
      if (slot === undefined) return;
      const block = first + index;
      const place = Math.floor(block / hashesPerBlock) * hashBlockBytes + (block % hashesPerBlock) * slotBytes;
      // As text of one character a byte: a Buffer for each digest would cost a quarter of the whole time.
      const digest = slot.block.equals(zeros.block) ? zeros.digest : hash(cryptoName, slot.salted, 'binary');
      places.write(digest, place, 'binary');
    }
  }
}
