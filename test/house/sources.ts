import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** The checkout, as the house tests read it: as text. */
export const checkout = resolve(import.meta.dirname, '../..');
export const pipeline = join(checkout, 'pipeline');

export type Import = {
  /** As it is written: `node:fs`, `zod/mini`, `../core/index.ts`. */
  readonly specifier: string;
  /** Inside pipeline/: `core/index.ts`. Null for what is not of the project. */
  readonly target: string | null;
};

export type SourceFile = {
  /** Inside pipeline/: `formats/gpt/gpt.ts`. */
  readonly path: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
};

export function readSources(): readonly SourceFile[] {
  return readdirSync(pipeline, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('action/dist/'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(pipeline, path), 'utf8');
      return { path, text, code: withoutComments(text), imports: readImports(path, text) };
    });
}

function readImports(path: string, text: string): readonly Import[] {
  const found = text.matchAll(/^(?:import|export|\})[^'\n]* from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...found].map(([, fromClause, sideEffect, call]) => {
    const specifier = fromClause ?? sideEffect ?? call ?? '';
    const isOurs = specifier.startsWith('.');
    return { specifier, target: isOurs ? relative(pipeline, resolve(pipeline, dirname(path), specifier)) : null };
  });
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}
