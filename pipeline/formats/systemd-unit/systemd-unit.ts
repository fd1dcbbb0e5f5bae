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
 * Reads a file in systemd's syntax (systemd.syntax(7)): sections in brackets, `Name=value`, lines that end in a backslash go on
 * in the next one, comments between them are left out. What is neither is passed over, as systemd does with a warning.
 * Fault: limit.unit-settings.
 */
export function parseUnitFile(text: string): readonly UnitSetting[] {
  const settings: UnitSetting[] = [];
  let section = '';
  for (const { text: line, number } of joinLines(text)) {
    const [, name] = /^\[([^\]]*)\]$/.exec(line) ?? [];
    const equals = line.indexOf('=');
    if (name !== undefined) section = name;
    else if (equals > 0)
      settings.push({
        section,
        name: line.slice(0, equals).trimEnd(),
        value: line.slice(equals + 1).trim(),
        line: number,
      });
    if (settings.length > limits.unitSettings)
      throw new Fault('limit.unit-settings', `Cannot read the unit file: more than ${limits.unitSettings} settings`);
  }
  return settings;
}

function joinLines(text: string): readonly { readonly text: string; readonly number: number }[] {
  const joined: { text: string; number: number }[] = [];
  let open: { text: string; number: number } | null = null;
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (/^[#;]/.test(line) || (line === '' && open === null)) continue;
    const goesOn = line.endsWith('\\');
    const part = goesOn ? `${line.slice(0, -1)} ` : line;
    if (open === null) open = { text: part, number: at + 1 };
    else open.text += part;
    if (goesOn) continue;
    joined.push({ text: open.text.trim(), number: open.number });
    open = null;
  }
  if (open !== null) joined.push({ text: open.text.trim(), number: open.number });
  return joined;
}

/** The words of an `ExecStart=` line, quotes taken off; its prefixes (`-`, `@`, `+` …) stay on the first word. */
export function splitCommand(value: string): readonly string[] {
  const words = [...value.matchAll(/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"'])+/g)].map(([word]) => word);
  return words.map((word) =>
    word.replaceAll(
      /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g,
      (_, double?: string, single?: string) => double ?? single ?? '',
    ),
  );
}
