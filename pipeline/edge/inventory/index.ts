import { availableParallelism } from 'node:os';
import { locateTree } from '../../image/index.ts';
import type { InventoryHelper } from '../../inventory/index.ts';
import { startInventoryThread } from './inventory-thread.ts';

/**
 * One more thread for large trees, where there is a core for it.
 * @param coresTaken cores that other work needs to its end: where that is one long digest, threads that compete with it
 * only make it end later
 */
export function inventoryHelper(coresTaken: number): InventoryHelper {
  return {
    help(tree, mount, counter) {
      const location = locateTree(tree);
      return location === undefined || availableParallelism() < 2 + coresTaken
        ? undefined
        : startInventoryThread(location, mount, counter);
    },
  };
}
