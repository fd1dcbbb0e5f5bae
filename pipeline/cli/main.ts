#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 15)) await run();
else refuseNode();

async function run(): Promise<void> {
  keepCompiled();
  // Loaded only now: an older Node would fail in it with a stack trace instead of a reason.
  const { runProcess } = await import('./own-process.ts');
  await runProcess(undefined);
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
