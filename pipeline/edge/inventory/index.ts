import { availableParallelism } from 'node:os';
import { locateTree } from '../../image/index.ts';
import type { InventoryHelper } from '../../inventory/index.ts';
import { startInventoryThread } from './inventory-thread.ts';

/** One more thread for large trees, where there is a core for it. */
export const inventoryThread: InventoryHelper = {
  help(tree, mount, counter) {
    const location = locateTree(tree);
    return location === undefined || availableParallelism() < 2
      ? undefined
      : startInventoryThread(location, mount, counter);
  },
};
