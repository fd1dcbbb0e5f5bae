import { Fault, limits } from '../../core/index.ts';

/** One argument: `verity.usrhash=…` has a value, `quiet` has none. */
export type KernelArgument = { readonly name: string; readonly value: string | null };

/**
 * Parses /proc/cmdline as the kernel splits it (lib/cmdline.c, next_arg): blanks separate, double quotes keep blanks
 * together and are dropped at the value's ends. What follows `--` belongs to init and is kept, with the marker itself,
 * since systemd reads it too. Faults: limit.command-line.
 */
export function parseKernelCommandLine(text: string): readonly KernelArgument[] {
  if (text.length > limits.commandLineBytes) {
    throw new Fault(
      'limit.command-line',
      `Cannot read the kernel command line: ${text.length} characters, want at most ${limits.commandLineBytes}`,
    );
  }
  return splitWords(text).map(parseArgument);
}

/** The value of the last argument of that name, as the kernel's and the initrd's readers take it; undefined where there is none. */
export function lastValue(args: readonly KernelArgument[], name: string): string | null | undefined {
  return args.findLast((argument) => argument.name === name)?.value;
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (isBlank(character) && !quoted) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      word += character;
    }
  }
  return word === '' ? words : [...words, word];
}

function parseArgument(word: string): KernelArgument {
  const unquoted = word.startsWith('"') && word.endsWith('"') && word.length > 1 ? word.slice(1, -1) : word;
  const equals = unquoted.indexOf('=');
  if (equals < 0) return { name: unquoted, value: null };
  return { name: unquoted.slice(0, equals), value: withoutQuotes(unquoted.slice(equals + 1)) };
}

function withoutQuotes(value: string): string {
  return value.startsWith('"') ? value.slice(1, value.endsWith('"') && value.length > 1 ? -1 : undefined) : value;
}

function isBlank(character: string): boolean {
  return (
    character === ' ' ||
    character === '\t' ||
    character === '\n' ||
    character === '\v' ||
    character === '\f' ||
    character === '\r'
  );
}
