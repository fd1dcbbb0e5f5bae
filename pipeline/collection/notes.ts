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

  note(path: string, error: unknown): void {
    if (!(error instanceof Fault)) throw error;
    this.unread.push({
      path,
      code: error.code,
      message: error.message.slice(0, 4000),
    } satisfies Evidence['unread'][number]);
  }
}
