import { splitWords } from '../formats/systemd-unit/index.ts';

/** One command of an `Exec…=` line (systemd.service(5), "Command lines"). */
export type UnitCommand = {
  /** `@`, `-`, `:`, `+`, `!`, `|`, as they stand before the program. */
  readonly prefixes: string;
  readonly program: string;
  readonly parameters: readonly string[];
};

/** The commands of an `Exec…=` line: a semicolon that stands alone parts them. None where the line is broken. */
export function parseCommands(value: string): readonly UnitCommand[] {
  const commands: string[][] = [[]];
  for (const { text, isPlain } of splitWords(value) ?? []) {
    if (text === ';' && isPlain) commands.push([]);
    else commands.at(-1)?.push(text);
  }
  return commands.flatMap(([first, ...rest]) => {
    if (first === undefined) return [];
    const prefixes = /^[-@:+!|]*/.exec(first)?.[0] ?? '';
    // With `@` the word behind the program is what it is to be called.
    const parameters = prefixes.includes('@') ? rest.slice(1) : rest;
    return [{ prefixes, program: first.slice(prefixes.length), parameters }];
  });
}

/** Where systemd looks for a program without a slash: fixed when it was built, whatever PATH says. */
const programDirectories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const;

/** The paths at which a program may lie, the first that is there counts. */
export function listProgramPaths(program: string, searchPath: readonly string[]): readonly string[] {
  if (program.includes('/')) return [program];
  return (searchPath.length > 0 ? searchPath : programDirectories).map((directory) => `${directory}/${program}`);
}
