import type { Exit } from '../../core/index.ts';

/** How a mode ended: the exit code of the step, and what is told of it in the summary. */
export type ModeOutcome = { readonly exit: Exit; readonly summary: string };
