import type { World } from './world.ts';

/** A line on stderr that says what goes on, for a person only; gone when the step is. */
export type Progress = Disposable & { readonly end: () => void };

export function openProgress(world: World, what: string): Progress {
  if (!world.stderr.isTerminal) return { end: () => undefined, [Symbol.dispose]: () => undefined };
  let shown = true;
  world.stderr.write(`… ${what}`);
  const end = (): void => {
    if (shown) world.stderr.write('\r\u001B[2K');
    shown = false;
  };
  return { end, [Symbol.dispose]: end };
}
