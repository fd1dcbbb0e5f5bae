import { runNodeproof } from '../../pipeline/cli/program.ts';
import type { Exit } from '../../pipeline/core/index.ts';

export type CommandOutcome = {
  readonly exit: Exit;
  readonly stdout: string;
  readonly stderr: string;
  /** The one JSON document on stdout. */
  readonly json: unknown;
  /** The code of the error document, or of the line on stderr; undefined where there is no error. */
  readonly code: string | undefined;
};

export type CommandWorld = {
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly now?: Date;
};

/** Runs a command line in this process as main.ts does, in a world of its own: nothing of the real process is seen. */
export async function runCommandLine(args: readonly string[], world: CommandWorld): Promise<CommandOutcome> {
  const written = { stdout: '', stderr: '' };
  const output = (name: keyof typeof written) => ({
    write: (text: string) => void (written[name] += text),
    isTerminal: false,
  });
  const exit = await runNodeproof(args, {
    directory: world.directory,
    environment: world.environment ?? {},
    now: () => world.now ?? new Date(),
    stdout: output('stdout'),
    stderr: output('stderr'),
  });
  return {
    exit,
    ...written,
    get json() {
      return JSON.parse(written.stdout) as unknown;
    },
    code: /\[([a-z0-9-]+\.[a-z0-9-]+)\]/.exec(written.stderr)?.[1] ?? errorCode(written.stdout),
  };
}

function errorCode(stdout: string): string | undefined {
  return /^\{\s*"error": \{\s*"code": "([^"]+)"/.exec(stdout)?.[1];
}
