import type { Exit } from '../core/index.ts';
import type { World } from './world.ts';

/** How one option is given. A `list` may be repeated and takes several values at once. */
export type OptionSpec = {
  readonly kind: 'flag' | 'text' | 'list';
  readonly placeholder: string;
  readonly about: string;
  readonly required: boolean;
};

export type CommandSpec = {
  /** The words after `nodeproof`: `['node', 'verify']`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** More for the command's own help: what it reads, what it writes, what the exit codes mean here. */
  readonly details: string;
  readonly operand: {
    readonly placeholder: string;
    readonly about: string;
    readonly min: number;
    readonly max: number;
  } | null;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Complete lines that work, shown in help. */
  readonly examples: readonly string[];
};

type OptionValue<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    : S['required'] extends true
      ? string
      : string | undefined;

/** What a command receives: each option under the very name that its specification has, with its kind's type. */
export type Invocation<C extends CommandSpec> = {
  readonly operands: readonly string[];
  readonly options: OptionValues<C['options']>;
  readonly world: World;
};

type Options = CommandSpec['options'];
type OptionValues<O extends Options> = { readonly [K in keyof O]: OptionValue<O[K]> };

/** Options as a command receives them where none was given. */
export function optionsNotGiven<O extends Options>(specs: O): OptionValues<O> {
  const values = Object.entries(specs).map(([name, { kind }]) => [
    name,
    { flag: false, list: [], text: undefined }[kind],
  ]);
  return Object.fromEntries(values) as OptionValues<O>;
}

export type Run<C extends CommandSpec> = (invocation: Invocation<C>) => Promise<Exit>;

export function flag(about: string) {
  return { kind: 'flag', placeholder: '', about, required: false } as const;
}

export function text(placeholder: string, about: string) {
  return { kind: 'text', placeholder, about, required: false } as const;
}

export function requiredText(placeholder: string, about: string) {
  return { kind: 'text', placeholder, about, required: true } as const;
}

export function list(placeholder: string, about: string) {
  return { kind: 'list', placeholder, about, required: false } as const;
}
