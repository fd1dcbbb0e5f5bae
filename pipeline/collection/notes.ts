import { Fault } from '../core/index.ts';
import type { Evidence } from '../evidence/index.ts';

/** What could not be looked at, and why. Collecting goes on. */
export class Notes {
  readonly unread: { path: string; code: string; message: string }[] = [];

  /** Runs a step; a Fault is noted under the path and the fallback returned. */
  attempt<T>(path: string, step: () => T, fallback: T): T {
    try {
      return step();
    } catch (error) {
      this.note(path, error);
      return fallback;
    }
  }

  /**
   * As attempt, for a table of the kernel's: without it the facts would only seem to contradict each other, and a table can be
   * long on an honest node. What is longer than any limit ends the collection. Fault: unavailable.node-table.
   */
  attemptTable<T>(path: string, step: () => T, fallback: T): T {
    try {
      return step();
    } catch (error) {
      if (error instanceof Fault && error.code.startsWith('limit.'))
        throw new Fault('unavailable.node-table', error.message, {
          where: path,
          cause: error,
          next: 'See what fills it: a node has less of that',
        });
      this.note(path, error);
      return fallback;
    }
  }

  note(path: string, error: unknown): void {
    if (!(error instanceof Fault)) throw error;
    this.unread.push({
      path,
      code: error.code,
      message: error.message.slice(0, 4000),
    } satisfies Evidence['unread'][number]);
  }
}
