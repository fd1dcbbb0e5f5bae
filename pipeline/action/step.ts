import { checkStores, runNodeproof, type World } from '../cli/index.ts';
import { type Exit, Fault, type FaultCode } from '../core/index.ts';
import type { FileFinder } from './globs.ts';
import type { Inputs } from './inputs.ts';
import { keyVariable, readKeyInput } from './key.ts';
import { renderCommand, renderLine } from './workflow-command.ts';
import type { ActionWorld } from './world.ts';

/** What a mode works with. */
export type Step = {
  readonly inputs: Inputs;
  readonly files: FileFinder;
  readonly world: ActionWorld;
};

/** What a command answered: the one JSON document that it prints. */
export type CommandAnswer = { readonly exit: Exit; readonly document: unknown };

/**
 * Runs a command of nodeproof in this process. The Action does nothing that the command line cannot: the log shows the line
 * that does the same. Faults: those of the command.
 */
export async function runCommand(args: readonly string[], step: Step): Promise<CommandAnswer> {
  const { world } = step;
  const written = { stdout: '', stderr: '' };
  const commandWorld = openCommandWorld(step, written);
  world.write(renderCommand('group', {}, renderCommandLine(args)));
  const exit = await runNodeproof([...args, '--json'], commandWorld);
  for (const line of written.stderr.split('\n').filter((each) => each !== '')) world.write(renderLine(line));
  world.write(renderCommand('endgroup', {}, ''));
  const document = JSON.parse(written.stdout) as { readonly error?: ErrorDocument };
  if (document.error !== undefined) throw faultOf(document.error);
  return { exit, document };
}

/** Refuses stores that cannot be published to, before a log that keeps everything for ever has the signature. Faults: usage.*, config.*. */
export function checkPublication(stores: readonly string[], step: Step): void {
  checkStores(stores, openCommandWorld(step, { stdout: '', stderr: '' }));
}

function openCommandWorld({ inputs, world }: Step, written: { stdout: string; stderr: string }): World {
  return {
    directory: world.directory,
    environment: { ...world.environment, ...secretsOf(inputs, world) },
    now: world.now,
    stdout: { write: (text) => void (written.stdout += text), isTerminal: false },
    stderr: { write: (text) => void (written.stderr += text), isTerminal: false },
  };
}

type ErrorDocument = {
  readonly code: FaultCode;
  readonly message: string;
  readonly where: string | null;
  readonly next: string | null;
};

function faultOf({ code, message, where, next }: ErrorDocument): Fault {
  return new Fault(code, message, { ...(where === null ? {} : { where }), ...(next === null ? {} : { next }) });
}

/** Secrets reach a command by its environment: a command line is shown, and a file would stay where a job is cancelled. */
function secretsOf(inputs: Inputs, world: ActionWorld): Readonly<Record<string, string>> {
  const pem = readKeyInput(inputs, world)?.pem ?? undefined;
  const passphrase = inputs.text('key-passphrase');
  const token = inputs.text('github-token');
  return {
    ...(pem === undefined ? {} : { [keyVariable]: pem }),
    ...(passphrase === undefined ? {} : { NODEPROOF_KEY_PASSPHRASE: passphrase }),
    ...(token === undefined ? {} : { GITHUB_TOKEN: token }),
  };
}

/** A page of the log takes no thousands of files on one line. */
const shownArguments = 200;

/** The line that does the same outside of the Action. */
export function renderCommandLine(args: readonly string[]): string {
  const shown = args.slice(0, shownArguments).map(quoteArgument).join(' ');
  return `nodeproof ${shown}${args.length > shownArguments ? ` … (${args.length - shownArguments} more)` : ''}`;
}

/** As a shell reads it. */
export function quoteArgument(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** `--name value` where there is a value, for lists once for all values; a value that looks like an option stays one. */
export function option(name: string, value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined || value.length === 0) return [];
  const values = typeof value === 'string' ? [value] : value;
  return values.some((each) => each.startsWith('-'))
    ? values.map((each) => `--${name}=${each}`)
    : [`--${name}`, ...values];
}
