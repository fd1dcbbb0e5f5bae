#!/usr/bin/env node
import { runNodeproof } from './program.ts';

/** The only place that reads the process. Everything below gets what it needs as a value. */
process.exitCode = await runNodeproof(process.argv.slice(2), {
  directory: process.cwd(),
  environment: process.env,
  now: () => new Date(),
  stdout: { write: (text) => void process.stdout.write(text), isTerminal: process.stdout.isTTY },
  stderr: { write: (text) => void process.stderr.write(text), isTerminal: process.stderr.isTTY },
});
