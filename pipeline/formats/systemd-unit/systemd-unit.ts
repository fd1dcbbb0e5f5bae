import { Fault, limits } from '../../core/index.ts';

/** One setting of a unit file or of a configuration file of systemd, in the order of the file. */
export type UnitSetting = {
  readonly section: string;
  readonly name: string;
  readonly value: string;
  /** From 1, where the setting begins. */
  readonly line: number;
};

/**
 * Reads a file in systemd's syntax (systemd.syntax(7)) as config_parse() of src/shared/conf-parser.c does, to the byte:
 * a line that only one of the two takes for a setting is how a drop-in would hide from us. Sections in brackets,
 * `Name=value`, lines that end in a backslash go on in the next one, comments between them are left out. What is neither is
 * passed over; a broken section header ends the file.
 * Fault: limit.unit-settings.
 */
export function parseUnitFile(text: string): readonly UnitSetting[] {
  const settings: UnitSetting[] = [];
  let section = '';
  for (const { text: line, number } of joinLines(text)) {
    const equals = line.indexOf('=');
    if (line.startsWith('[')) {
      if (!line.endsWith(']')) break;
      section = line.slice(1, -1);
    } else if (equals > 0) {
      const name = trimBlanks(line.slice(0, equals));
      settings.push({ section, name, value: trimBlanks(line.slice(equals + 1)), line: number });
    }
    if (settings.length > limits.unitSettings)
      throw new Fault('limit.unit-settings', `Cannot read the unit file: more than ${limits.unitSettings} settings`);
  }
  return settings;
}

/** read_line() of systemd: a line ends with one or more different ones of line feed, carriage return and NUL. */
const lineEnd = /\n(?:\r\0?|\0\r?)?|\r(?:\n\0?|\0\n?)?|\0(?:\n\r?|\r\n?)?/;

function joinLines(text: string): readonly { readonly text: string; readonly number: number }[] {
  const joined: { text: string; number: number }[] = [];
  let open: { text: string; number: number } | null = null;
  const whole = text.startsWith('\uFEFF') ? text.slice(1) : text;
  for (const [at, raw] of whole.split(lineEnd).entries()) {
    const line = raw.slice(countBlanks(raw));
    if (/^[#;]/.test(line) || (line === '' && open === null)) continue;
    const goesOn = endsInEscape(line);
    const part = goesOn ? `${line.slice(0, -1)} ` : line;
    if (open === null) open = { text: part, number: at + 1 };
    else open.text += part;
    if (goesOn) continue;
    joined.push({ text: trimBlanks(open.text), number: open.number });
    open = null;
  }
  if (open !== null) joined.push({ text: trimBlanks(open.text), number: open.number });
  return joined;
}

/** Of two backslashes the first escapes the second, and the line ends there. */
function endsInEscape(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === '\\') count++;
  return count % 2 === 1;
}

const blanks = ' \t\n\r';

function countBlanks(text: string): number {
  let count = 0;
  while (count < text.length && blanks.includes(text.charAt(count))) count++;
  return count;
}

/** What systemd strips; other white space is part of a name, which it then does not know. */
function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && blanks.includes(text.charAt(end - 1))) end--;
  return text.slice(Math.min(countBlanks(text), end), end);
}

/** A word of a line, and whether it stands there as it is: without quotes and escapes. */
export type UnitWord = { readonly text: string; readonly isPlain: boolean };

/**
 * The words of a line, as extract_first_word() of systemd takes it apart: quotes taken off, a backslash before a character
 * stands for that character. Undefined where a quote is not closed: systemd takes nothing of such a line.
 */
export function splitWords(value: string): readonly UnitWord[] | undefined {
  const words: UnitWord[] = [];
  let word: string | null = null;
  let isPlain = true;
  let quote: string | null = null;
  for (let at = 0; at < value.length; at++) {
    const letter = value.charAt(at);
    if (quote === null && blanks.includes(letter)) {
      if (word !== null) words.push({ text: word, isPlain });
      word = null;
      isPlain = true;
      continue;
    }
    word ??= '';
    if (letter === '\\' && at + 1 < value.length) {
      word += value.charAt(++at);
      isPlain = false;
    } else if (quote !== null && letter === quote) quote = null;
    else if (quote === null && (letter === '"' || letter === "'")) {
      quote = letter;
      isPlain = false;
    } else word += letter;
  }
  if (quote !== null) return undefined;
  return word === null ? words : [...words, { text: word, isPlain }];
}

/** The words of an `ExecStart=` line; its prefixes (`-`, `@`, `+` …) stay on the first word. None where the line is broken. */
export function splitCommand(value: string): readonly string[] {
  return (splitWords(value) ?? []).map(({ text }) => text);
}
