import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandRows } from '../../pipeline/cli/table.ts';

const cli = resolve(import.meta.dirname, '../../pipeline/cli');

/** What need not be read: --json changes errors, which program.ts prints, and these two print JSON anyway. */
const always = new Set(['sbom --json', 'policy schema --json']);

/** The table loads each command's file in the order of its rows. */
const files = [...readFileSync(join(cli, 'table.ts'), 'utf8').matchAll(/import\('\.\/(commands\/[a-z-]+\.ts)'\)/g)];

const options = commandRows.flatMap(({ spec }, row) => {
  const command = spec.path.join(' ');
  return Object.keys(spec.options)
    .map((option) => [`${command} --${option}`, option, join(cli, files[row]?.[1] ?? '')] as const)
    .filter(([name]) => !always.has(name));
});

/** A flag that is read under another name does nothing, and no type sees it where options are handed on as a whole. */
describe('An option that is offered is read', () => {
  test('by the command of its row', () => {
    expect(files.map(([, file]) => file)).toEqual(commandRows.map(({ spec }) => `commands/${spec.path.join('-')}.ts`));
  });

  test.each(options)('%s', (_name, option, file) => {
    const texts = [file, ...helpersOf(file)].map((path) => readFileSync(path, 'utf8'));
    expect(texts.some((text) => reads(text, option))).toBe(true);
  });
});

/** `options.name`, `options['name']`, or `const { name } = options`. */
function reads(text: string, option: string): boolean {
  if (text.includes(`options['${option}']`) || new RegExp(`\\boptions\\.${option}\\b`).test(text)) return true;
  const taken = [...text.matchAll(/\{([^{}]*)\}(?:: \w+)? = (?:\w+\.)?options\b/g)].flatMap(
    ([, names]) => names?.split(',') ?? [],
  );
  return taken.some((name) => name.trim().split(':')[0]?.replaceAll("'", '') === option);
}

/** The files of cli/ that a command gets its inputs with, and those with. No other command, and not the table. */
function helpersOf(file: string, known: ReadonlySet<string> = new Set()): readonly string[] {
  const imports = readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.\.?\/[^']+\.ts)'/g);
  const helpers = [...imports]
    .map(([, specifier]) => resolve(dirname(file), specifier ?? ''))
    .filter((path) => path.startsWith(`${cli}/`) && !/\/table\.ts$|\/commands\//.test(path) && !known.has(path));
  const all = new Set([...known, ...helpers]);
  return [...helpers, ...helpers.flatMap((helper) => helpersOf(helper, all))];
}
