import { Fault } from '../core/index.ts';
import { type InputName, type InputSpec, inputs } from './interface.ts';
import type { ActionWorld } from './world.ts';

export type Inputs = {
  /** Trimmed; undefined where nothing was given. */
  readonly text: (name: InputName) => string | undefined;
  /** As text, of an input that the mode cannot go without. Fault: usage.input. */
  readonly wanted: (name: InputName, why: string) => string;
  /** The lines that are not empty, trimmed. */
  readonly lines: (name: InputName) => readonly string[];
  /** YAML 1.2's words for true and false, as @actions/core takes them. Fault: usage.input. */
  readonly isSet: (name: InputName) => boolean;
};

/** Reads the inputs as the runner gives them: `INPUT_` and the name in capitals. */
export function readInputs({ environment }: ActionWorld): Inputs {
  const text = (name: InputName): string | undefined => {
    const value = environment[variableOf(name)]?.trim() ?? defaultOf(name);
    return value === '' ? undefined : value;
  };
  return {
    text,
    wanted(name, why) {
      const value = text(name);
      if (value !== undefined) return value;
      throw new Fault('usage.input', `Cannot go on without the input ${name}: ${why}`, { where: name });
    },
    lines: (name) =>
      (text(name) ?? '')
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    isSet(name) {
      const value = text(name) ?? 'false';
      if (/^(?:true|True|TRUE)$/.test(value)) return true;
      if (/^(?:false|False|FALSE)$/.test(value)) return false;
      throw new Fault(
        'usage.input',
        `Cannot use the input ${name} ${JSON.stringify(value.slice(0, 80))}: want true or false`,
        {
          where: name,
        },
      );
    },
  };
}

/** Inputs that were given and are none: a misspelt name must not silently mean nothing. The runner passes them on as well. */
export function findUnknownInputs({ environment }: ActionWorld): readonly string[] {
  const known = new Set(Object.keys(inputs).map((name) => variableOf(name)));
  return Object.keys(environment)
    .filter((name) => name.startsWith('INPUT_') && !known.has(name))
    .map((name) => name.slice('INPUT_'.length).toLowerCase())
    .sort();
}

function variableOf(name: string): string {
  return `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`;
}

/** An expression is the runner's to resolve. */
function defaultOf(name: InputName): string {
  const spec: InputSpec = inputs[name];
  return spec.default?.startsWith('${{') === false ? spec.default : '';
}
