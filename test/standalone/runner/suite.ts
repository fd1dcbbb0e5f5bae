/** The part of vitest that the vectors use: what is described is collected, and run by `runSuite`. */
import { format } from 'node:util';

export { expect } from './expectation.ts';

type Body = (...args: readonly never[]) => unknown;
type Hook = () => unknown;
type Suite = {
  readonly name: string;
  readonly hooks: Record<'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll', Hook[]>;
};
type Case = { readonly path: readonly Suite[]; readonly name: string; readonly run: () => unknown };

const openSuite = (name: string): Suite => ({
  name,
  hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
});

let path: readonly Suite[] = [openSuite('')];
const cases: Case[] = [];
const skipped: string[] = [];

function named(name: string, value: unknown, at: number): string {
  const values = Array.isArray(value) ? value : [value];
  const fields = name.replaceAll(/\$(\w+)/g, (_, field: string) => String((value as Record<string, unknown>)[field]));
  return format(fields.replaceAll('%#', String(at)), ...values.slice(0, (fields.match(/%[a-z]/g) ?? []).length));
}

type Define = (name: string, run: Body) => void;

/** `define` with its forms: each spreads arrays into arguments, for does not. Options between name and body are left out. */
function withForms(define: Define) {
  const plain = (name: string, ...rest: readonly unknown[]): void =>
    define(name, rest.find((one) => typeof one === 'function') as Body);
  const over =
    (isSpread: boolean) =>
    (values: readonly unknown[]) =>
    (name: string, ...rest: readonly unknown[]): void => {
      const run = rest.find((one) => typeof one === 'function') as (...args: readonly unknown[]) => unknown;
      for (const [at, value] of values.entries())
        define(named(name, value, at), () =>
          isSpread && Array.isArray(value) ? run(...value) : run(value, { skip: leaveOut }),
        );
    };
  const forms = Object.assign(plain, { each: over(true), for: over(false) });
  return Object.assign(forms, { skipIf: (condition: boolean) => (condition ? skip : forms), skip });
}

class LeftOut extends Error {}

/** What a case calls that finds it cannot run here. */
function leaveOut(): never {
  throw new LeftOut();
}

function skip(name: string): () => void {
  skipped.push(name);
  return () => undefined;
}

export const describe = withForms((name, run) => {
  const outer = path;
  path = [...outer, openSuite(name)];
  try {
    run();
  } finally {
    path = outer;
  }
});

const defineCase: Define = (name, run) => {
  cases.push({ path, name, run });
};
export const test = withForms(defineCase);
export const it = withForms(defineCase);

const hook = (kind: keyof Suite['hooks']) => (run: Hook) => void path.at(-1)?.hooks[kind].push(run);
export const beforeAll = hook('beforeAll');
export const beforeEach = hook('beforeEach');
export const afterEach = hook('afterEach');
export const afterAll = hook('afterAll');

/** What is imported between is of this file: hooks of one file are not those of another. */
export function openFile(name: string): void {
  path = [openSuite(name)];
}

export type SuiteOutcome = { readonly passed: number; readonly failed: readonly string[]; readonly skipped: number };

export async function runSuite(): Promise<SuiteOutcome> {
  const begun = new Set<Suite>();
  const failed: string[] = [];
  let passed = 0;
  for (const { path: suites, name, run } of cases) {
    try {
      for (const suite of suites.filter((one) => !begun.has(one))) {
        begun.add(suite);
        for (const before of suite.hooks.beforeAll) await before();
      }
      for (const before of suites.flatMap(({ hooks }) => hooks.beforeEach)) await before();
      await run();
      passed += 1;
    } catch (error) {
      if (error instanceof LeftOut) {
        skipped.push(name);
        continue;
      }
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failed.push(`${[...suites.map((suite) => suite.name), name].filter(Boolean).join(' > ')}: ${why.slice(0, 2000)}`);
    } finally {
      for (const after of suites.flatMap(({ hooks }) => hooks.afterEach)) await after();
    }
  }
  for (const after of [...begun].flatMap(({ hooks }) => hooks.afterAll)) await after();
  return { passed, failed, skipped: skipped.length };
}
