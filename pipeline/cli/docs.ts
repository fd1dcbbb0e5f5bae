import { readFileSync, writeFileSync } from 'node:fs';
import { evidenceFindingCodes } from '../evidence/index.ts';
import { lintCodes } from '../lint/index.ts';
import { policyFindingCodes } from '../policy/index.ts';
import { trustFindingCodes } from '../trust/index.ts';
import { verifyFaultCodes, verifyFindingCodes } from '../verify/index.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { replacePart } from './docs-part.ts';
import { exitMeanings } from './exit-codes.ts';
import { commandRows } from './table.ts';

/** The parts of the README that are made of the code's own tables, between `<!-- begin:NAME -->` and `<!-- end:NAME -->`. */
const parts: Readonly<Record<string, () => string>> = {
  commands: renderCommands,
  'exit-codes': renderExitCodes,
  'finding-codes': renderFindingCodes,
};

/** The README with its generated parts made anew. Fault: docs.marker. */
export function renderReadme(readme: string): string {
  return Object.entries(parts).reduce((text, [name, render]) => replacePart(text, name, render()), readme);
}

function renderCommands(): string {
  const summaries = commandRows.map(
    ({ spec }) => `| [\`${spec.path.join(' ')}\`](#${anchorOf(spec)}) | ${spec.summary} |`,
  );
  return [
    '| command | does |',
    '|---|---|',
    ...summaries,
    '',
    ...commandRows.map(({ spec }) => renderCommand(spec)),
  ].join('\n');
}

function renderCommand(spec: CommandSpec): string {
  const { path, operand, summary, details, options, examples } = spec;
  const usage = [
    'nodeproof',
    ...path,
    ...(operand === null ? [] : [`${operand.placeholder}${operand.max > 1 ? '…' : ''}`]),
  ];
  const lines = Object.entries(options).map(
    ([name, option]) => `| \`${renderFlag(name, option)}\` | ${option.about} |`,
  );
  return [
    `#### nodeproof ${path.join(' ')}`,
    '',
    `\`${usage.join(' ')}\`: ${summary}.${details === '' ? '' : ` ${details}`}`,
    '',
    '| option | |',
    '|---|---|',
    ...lines,
    '',
    ...examples.map((example) => `    ${example}\n`),
  ].join('\n');
}

function renderFlag(name: string, { kind, placeholder, required }: OptionSpec): string {
  const value = { flag: '', text: ` ${placeholder}`, list: ` ${placeholder}…` }[kind];
  // A pipe would end the cell.
  return `--${name}${value}${required ? ' (required)' : ''}`.replaceAll('|', '\\|');
}

function anchorOf({ path }: CommandSpec): string {
  return ['nodeproof', ...path].join('-');
}

function renderExitCodes(): string {
  const rows = Object.entries(exitMeanings).map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return ['| exit | means |', '|---|---|', ...rows].join('\n');
}

function renderFindingCodes(): string {
  const tables = {
    'What is wrong with a node': evidenceFindingCodes,
    'What does not meet the policy': policyFindingCodes,
    'Signed, but not by whom or not about what was wanted': verifyFindingCodes,
    'Not authentic, or not readable': verifyFaultCodes,
    'What is wrong with anchors and trust packs': trustFindingCodes,
    'What undoes protection (`node lint`)': lintCodes,
  };
  return Object.entries(tables)
    .map(([title, codes]) => {
      const rows = Object.entries(codes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
      return [
        `<details><summary>${title}</summary>`,
        '',
        '| code | meaning |',
        '|---|---|',
        ...rows,
        '',
        '</details>',
      ].join('\n');
    })
    .join('\n\n');
}

/** `npm run docs` writes the README, `npm run docs:check` fails where it would change. */
if (import.meta.main) {
  const path = new URL('../../README.md', import.meta.url);
  const readme = readFileSync(path, 'utf8');
  const made = renderReadme(readme);
  if (!process.argv.includes('--check')) writeFileSync(path, made);
  else if (made !== readme) {
    process.stderr.write('README.md is not what the tables say: run npm run docs\n');
    process.exitCode = 1;
  }
}
