import { Fault } from '../core/index.ts';

/** A text with the part between `<!-- begin:NAME -->` and `<!-- end:NAME -->` made anew. Fault: docs.marker. */
export function replacePart(text: string, name: string, content: string): string {
  const begin = `<!-- begin:${name} -->`;
  const end = `<!-- end:${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from)
    throw new Fault('docs.marker', `Cannot place ${name} in the README: want ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
