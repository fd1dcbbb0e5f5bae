import { printable } from '../report/index.ts';
import type { World } from './world.ts';

/** A line on stderr that says what goes on, for a person only; gone when the step is. */
export type Progress = Disposable & { readonly tell: (what: string) => void; readonly end: () => void };

const clearLine = '\r\u001B[2K';

export function openProgress(world: World, what: string): Progress {
  if (!world.stderr.isTerminal)
    return { tell: () => undefined, end: () => undefined, [Symbol.dispose]: () => undefined };
  const tell = (now: string): void => world.stderr.write(`${clearLine}… ${printable(now)}`);
  const end = (): void => world.stderr.write(clearLine);
  tell(what);
  return { tell, end, [Symbol.dispose]: end };
}
