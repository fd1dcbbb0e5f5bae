#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 15)) await run();
else refuseNode();

/** The only place that reads the process. Everything below gets what it needs as a value. */
async function run(): Promise<void> {
  keepCompiled();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', acceptLostReader);
  // Loaded only now: an older Node would fail in it with a stack trace instead of a reason.
  const { runNodeproof } = await import('./program.ts');
  process.exitCode = await runNodeproof(process.argv.slice(2), {
    directory: process.cwd(),
    environment: process.env,
    now: () => new Date(),
    stdout: { write: (text) => void process.stdout.write(text), isTerminal: process.stdout.isTTY },
    stderr: { write: (text) => void process.stderr.write(text), isTerminal: process.stderr.isTTY },
    // Where the runtime keeps the modules that are in the program itself.
    program: process.argv[1]?.startsWith('/$bunfs/') === true ? process.execPath : undefined,
  });
}

/** A reader may leave early, as `head` does: the exit code still says the verdict. Any other loss of output does not pass. */
function acceptLostReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`nodeproof: Cannot write the output: ${error.message} [file.write]\n`);
  process.exit(4);
}

/**
 * Half of a start from sources is stripping types, a tenth of one from a bundle is compiling: Node keeps both. In a checkout
 * where its other caches are, else beside the program; where that cannot be written nothing is kept.
 */
function keepCompiled(): void {
  const isCheckout = import.meta.filename.endsWith('.ts');
  const directory = isCheckout ? '../../node_modules/.cache/nodeproof' : '.cache';
  process.getBuiltinModule('node:module').enableCompileCache(`${import.meta.dirname}/${directory}`);
}

function refuseNode(): void {
  const message = `Cannot run on Node ${process.versions.node}: want 24.15 or newer`;
  const error = { code: 'usage.node', message, where: null, next: 'In a checkout: npm run -s nodeproof -- ARGS' };
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  else process.stderr.write(`nodeproof: ${message} [${error.code}]\n  next:  ${error.next}\n`);
  process.exitCode = 2;
}
