import { runNodeproof } from './program.ts';

/**
 * The only place that reads the process. Everything below gets what it needs as a value.
 *
 * @param program the standalone program that runs; undefined where Node runs us
 */
export async function runProcess(program: string | undefined): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', acceptLostReader);
  process.exitCode = await runNodeproof(process.argv.slice(2), {
    directory: process.cwd(),
    environment: process.env,
    now: () => new Date(),
    stdout: { write: (text) => void process.stdout.write(text), isTerminal: process.stdout.isTTY },
    stderr: { write: (text) => void process.stderr.write(text), isTerminal: process.stderr.isTTY },
    program,
  });
}

/** A reader may leave early, as `head` does: the exit code still says the verdict. Any other loss of output does not pass. */
function acceptLostReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`nodeproof: Cannot write the output: ${error.message} [file.write]\n`);
  process.exit(4);
}
