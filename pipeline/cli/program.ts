import { Command, CommanderError, Option } from 'commander';
import { type Exit, exit, exitOf, Fault } from '../core/index.ts';
import { renderError, renderErrorJson } from '../report/index.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { exitMeanings } from './exit-codes.ts';
import { commandRows, groupSummaries } from './table.ts';
import type { World } from './world.ts';
import { versionText } from './version.ts';

/** The loaded form of a row: options already checked against the specification. */
type UntypedRun = (invocation: {
  operands: readonly string[];
  options: Record<string, unknown>;
  world: World;
}) => Promise<Exit>;

/**
 * Parses the arguments, runs the command and returns its exit code. Faults become one line on stderr, or the JSON error
 * document on stdout where --json was asked for. Anything else that is thrown is our bug: 70.
 */
export async function runNodeproof(args: readonly string[], world: World): Promise<Exit> {
  const wantsJson = args.includes('--json');
  let outcome: Exit = exit.usage;
  try {
    const program = buildProgram(chooseRows(args), world, (code) => (outcome = code));
    await program.parseAsync(args, { from: 'user' });
    return outcome;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exit.admit;
    return tellError(error, world, wantsJson);
  }
}

function tellError(error: unknown, world: World, wantsJson: boolean): Exit {
  const fault = error instanceof CommanderError ? usageFault(error) : error;
  if (fault instanceof Fault) {
    if (wantsJson) world.stdout.write(renderErrorJson(fault));
    else world.stderr.write(renderError(fault));
    return exitOf(fault.code);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  world.stderr.write(`nodeproof: this is a bug in nodeproof, please report it with the lines below\n${text}\n`);
  if (wantsJson) world.stdout.write(renderErrorJson(new Fault('bug.unexpected', 'Cannot go on: a bug in nodeproof')));
  return exit.bug;
}

/** Commander's `commander.unknownCommand`, with a suggestion on a second line, as a fault of ours. */
function usageFault(error: CommanderError): Fault {
  const problem = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  const name = error.code.replace(/^commander\./, '').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return new Fault(`usage.${name}`, `Cannot read the command line: ${problem}`, { next: 'See nodeproof --help' });
}

/** Makes commander's program of the table: nothing is declared anywhere else. */
function buildProgram(rows: typeof commandRows, world: World, finish: (code: Exit) => void): Command {
  const program = prepared(new Command('nodeproof'), world)
    .description(
      'Proves what Kubernetes nodes run: provenance, SBOMs and a signed node set in CI, a verdict before kubeadm join.',
    )
    .version(versionText, '--version', 'print the version')
    // What stands after a command is the command's: trust pack has a --version of its own.
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText('after', exitCodesText);
  const groups = new Map<string, Command>();
  for (const row of rows) {
    const [first = '', second] = row.spec.path;
    const parent = second === undefined ? program : openGroup(program, groups, first, world);
    parent.addCommand(
      buildCommand(row.spec, second ?? first, world, async (operands, options) => {
        const run = (await row.load()) as UntypedRun;
        finish(await run({ operands, options, world }));
      }),
    );
  }
  return program;
}

/** Only the command that is asked for is made; all of them where none is, for help and suggestions. */
function chooseRows(args: readonly string[]): typeof commandRows {
  const asked = commandRows.filter(({ spec }) => spec.path.every((word, at) => args[at] === word));
  return asked.length > 0 ? asked : commandRows;
}

function openGroup(program: Command, groups: Map<string, Command>, name: string, world: World): Command {
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group = prepared(new Command(name), world)
    .description(groupSummaries[name] ?? '')
    .helpCommand(false);
  groups.set(name, group);
  program.addCommand(group);
  return group;
}

function buildCommand(
  spec: CommandSpec,
  name: string,
  world: World,
  action: (operands: readonly string[], options: Record<string, unknown>) => Promise<void>,
): Command {
  const command = prepared(new Command(name), world)
    .summary(spec.summary)
    .description(`${spec.summary}\n\n${spec.details}`.trim());
  if (spec.operand !== null) {
    const { placeholder, about, min, max } = spec.operand;
    const dots = max > 1 ? '...' : '';
    command.argument(min > 0 ? `<${placeholder}${dots}>` : `[${placeholder}${dots}]`, about);
  }
  for (const [option, optionSpec] of Object.entries(spec.options)) command.addOption(buildOption(option, optionSpec));
  if (spec.examples.length > 0) {
    command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  $ ${example}`).join('\n')}\n`);
  }
  command.action(async () => {
    const operands = command.processedArgs.flat().filter((operand): operand is string => typeof operand === 'string');
    await action(operands, completeOptions(spec, command.opts()));
  });
  return command;
}

function prepared(command: Command, world: World): Command {
  return command
    .exitOverride()
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
    .configureHelp({ helpWidth: 110 })
    .configureOutput({
      writeOut: world.stdout.write,
      writeErr: () => undefined,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function buildOption(name: string, spec: OptionSpec): Option {
  const flags = {
    flag: `--${name}`,
    text: `--${name} <${spec.placeholder}>`,
    list: `--${name} <${spec.placeholder}...>`,
  }[spec.kind];
  return new Option(flags, spec.about).makeOptionMandatory(spec.required);
}

/** Commander leaves out what was not given and writes names in camel case: here each option has its own name and kind. */
function completeOptions(spec: CommandSpec, given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec.options).map(([name, { kind }]) => {
      const value = given[name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())];
      return [name, kind === 'flag' ? value === true : kind === 'list' ? (value ?? []) : value];
    }),
  );
}

const exitCodesText = `
Exit codes:
${Object.entries(exitMeanings)
  .map(([code, meaning]) => `  ${code.padEnd(3)} ${meaning}`)
  .join('\n')}
`;
