import { readFileSync, writeFileSync } from 'node:fs';
import { replacePart } from '../cli/index.ts';
import { renderInterface, renderManifest } from './manifest.ts';

/** The files that are made of the Action's table, with what they are to hold. */
export function renderActionDocs(): ReadonlyMap<string, string> {
  const readme = readFileSync(fileOf('README.md'), 'utf8');
  return new Map([
    ['action.yml', renderManifest()],
    ['README.md', replacePart(readme, 'action', renderInterface())],
  ]);
}

function fileOf(name: string): URL {
  return new URL(`../../${name}`, import.meta.url);
}

/** `npm run docs` writes them, `npm run docs:check` fails where one would change. */
if (import.meta.main) {
  for (const [name, made] of renderActionDocs()) {
    if (!process.argv.includes('--check')) writeFileSync(fileOf(name), made);
    else if (readFileSync(fileOf(name), 'utf8') !== made) {
      process.stderr.write(`${name} is not what the table says: run npm run docs\n`);
      process.exitCode = 1;
    }
  }
}
