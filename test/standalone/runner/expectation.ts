/** The part of vitest's `expect` that the vectors use, in a form that is compiled into a program. */
import { inspect, isDeepStrictEqual } from 'node:util';

const matches = Symbol('matches');
type Matcher = { readonly [matches]: (actual: unknown) => boolean };

const matcher = (judge: (actual: unknown) => boolean): Matcher => ({ [matches]: judge });

function isMatcher(value: unknown): value is Matcher {
  return typeof value === 'object' && value !== null && matches in value;
}

type Fields = Readonly<Record<PropertyKey, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** As toEqual: fields that are undefined do not count. With `isPart` the actual value may have more. */
function isEqual(actual: unknown, expected: unknown, isPart = false): boolean {
  if (isMatcher(expected)) return expected[matches](actual);
  if (Object.is(actual, expected)) return true;
  if (!isFields(actual) || !isFields(expected)) return false;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return expected.every((one, at) => isEqual(actual[at], one, isPart));
  }
  if (expected instanceof Error) return actual instanceof Error && actual.message === expected.message;
  if (expected instanceof Map) return actual instanceof Map && isEqual([...actual], [...expected]);
  const prototype: unknown = Object.getPrototypeOf(expected);
  if (prototype !== Object.prototype && prototype !== null && !isPlainClass(expected))
    return isDeepStrictEqual(actual, expected);
  const names = isPart
    ? Reflect.ownKeys(expected)
    : [...new Set([...Reflect.ownKeys(expected), ...Reflect.ownKeys(actual)])];
  return names.every((name) => isEqual(actual[name], expected[name], isPart));
}

/** Values of our own classes are compared field by field; those of the runtime as it does. */
function isPlainClass(value: Fields): boolean {
  return !(
    value instanceof Date ||
    value instanceof Set ||
    value instanceof RegExp ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer
  );
}

function holdsThrown(thrown: unknown, expected: unknown): boolean {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (expected === undefined) return true;
  if (typeof expected === 'string') return message.includes(expected);
  if (expected instanceof RegExp) return expected.test(message);
  if (typeof expected === 'function') return thrown instanceof (expected as new () => unknown);
  return isEqual(thrown, expected, true);
}

type Lengthy = { readonly length: number };
type Judge = (actual: unknown, ...expected: readonly unknown[]) => boolean;

const judges = {
  toBe: (actual, expected) => Object.is(actual, expected),
  toEqual: (actual, expected) => isEqual(actual, expected),
  toMatchObject: (actual, expected) => isEqual(actual, expected, true),
  toMatch: (actual, expected) =>
    expected instanceof RegExp ? expected.test(String(actual)) : String(actual).includes(String(expected)),
  toContain: (actual, expected) =>
    typeof actual === 'string'
      ? actual.includes(String(expected))
      : [...(actual as Iterable<unknown>)].includes(expected),
  toContainEqual: (actual, expected) => [...(actual as Iterable<unknown>)].some((one) => isEqual(one, expected)),
  toHaveLength: (actual, expected) => (actual as Lengthy).length === expected,
  toHaveProperty: (actual, name) => isFields(actual) && String(name) in actual,
  toBeNull: (actual) => actual === null,
  toBeUndefined: (actual) => actual === undefined,
  toBeDefined: (actual) => actual !== undefined,
  toBeTypeOf: (actual, type) => typeof actual === type,
  toBeInstanceOf: (actual, type) => actual instanceof (type as new () => unknown),
  toBeGreaterThan: (actual, least) => (actual as number) > (least as number),
  toBeGreaterThanOrEqual: (actual, least) => (actual as number) >= (least as number),
  toBeLessThan: (actual, most) => (actual as number) < (most as number),
  toBeLessThanOrEqual: (actual, most) => (actual as number) <= (most as number),
  toThrow: (actual, expected) => {
    try {
      (actual as () => unknown)();
    } catch (error) {
      return holdsThrown(error, expected);
    }
    return false;
  },
} as const satisfies Readonly<Record<string, Judge>>;

type Name = keyof typeof judges;

class Unmet extends Error {}

function judge(name: Name, isWanted: boolean, actual: unknown, expected: readonly unknown[]): void {
  const run: Judge = judges[name];
  if (run(actual, ...expected) === isWanted) return;
  const values = [actual, ...expected].map((value) => inspect(value, { depth: 4 }).slice(0, 1500));
  throw new Unmet(`${isWanted ? '' : 'not '}${name}: ${values.join(' against ')}`);
}

const names = Object.keys(judges) as readonly Name[];
type Expectations<R> = Readonly<Record<Name, (...expected: readonly unknown[]) => R>>;

function expectations<R>(run: (name: Name, expected: readonly unknown[]) => R): Expectations<R> {
  const entries = names.map((name) => [name, (...expected: readonly unknown[]) => run(name, expected)]);
  return Object.fromEntries(entries) as Expectations<R>;
}

async function settle(promise: unknown, isRejected: boolean): Promise<unknown> {
  try {
    const value: unknown = await promise;
    if (isRejected) throw new Unmet('it was not rejected');
    return value;
  } catch (error) {
    if (isRejected && !(error instanceof Unmet)) return error;
    throw error;
  }
}

/** A rejection is compared as what it is: `toThrow` of a rejection looks at the error. */
async function judgeSettled(
  promise: unknown,
  isRejected: boolean,
  name: Name,
  expected: readonly unknown[],
): Promise<void> {
  const value = await settle(promise, isRejected);
  const actual =
    name === 'toThrow'
      ? () => {
          throw value;
        }
      : value;
  judge(name, true, actual, expected);
}

export const expect = Object.assign(
  (actual: unknown) => ({
    ...expectations((name, expected) => judge(name, true, actual, expected)),
    not: expectations((name, expected) => judge(name, false, actual, expected)),
    rejects: expectations((name, expected) => judgeSettled(actual, true, name, expected)),
    resolves: expectations((name, expected) => judgeSettled(actual, false, name, expected)),
  }),
  {
    any: (type: new (...args: readonly never[]) => unknown) =>
      matcher((actual) => actual instanceof type || typeof actual === type.name.toLowerCase()),
    objectContaining: (part: Fields) => matcher((actual) => isEqual(actual, part, true)),
    arrayContaining: (part: readonly unknown[]) =>
      matcher((actual) => Array.isArray(actual) && part.every((one) => actual.some((each) => isEqual(each, one)))),
    stringContaining: (part: string) => matcher((actual) => typeof actual === 'string' && actual.includes(part)),
    stringMatching: (part: string | RegExp) =>
      matcher((actual) => typeof actual === 'string' && new RegExp(part).test(actual)),
  },
);
