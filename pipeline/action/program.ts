import { exit, type Exit, exitOf, Fault } from '../core/index.ts';
import { openFileFinder } from './globs.ts';
import { findUnknownInputs, type Inputs, readInputs } from './inputs.ts';
import { type InputName, type InputSpec, inputs as inputTable } from './interface.ts';
import { runAttest } from './modes/attest.ts';
import type { ModeOutcome } from './modes/outcome.ts';
import { runPublish } from './modes/publish.ts';
import { runVerify } from './modes/verify.ts';
import { writeOutput, writeSummary } from './runner-files.ts';
import type { Step } from './step.ts';
import { renderCommand, renderFault } from './workflow-command.ts';
import type { ActionWorld } from './world.ts';

const modes = { attest: runAttest, verify: runVerify, publish: runPublish } as const satisfies Readonly<
  Record<string, (step: Step) => Promise<ModeOutcome>>
>;

/** Runs the Action as one step of a job. Faults become annotations; the exit codes are those of the command line. */
export async function runAction(world: ActionWorld): Promise<Exit> {
  try {
    const inputs = readInputs(world);
    // Until there is a verdict it is a refusal: whatever fails must not leave a later step an empty word.
    if (inputs.text('mode') === 'verify') writeOutput(world, 'verdict', 'refuse');
    refuseUnknownInputs(world);
    checkFlags(inputs);
    const run = chooseMode(inputs);
    const { exit: code, summary } = await run({ inputs, files: openFileFinder(inputs, world), world });
    if (inputs.isSet('show-summary')) writeSummary(world, summary);
    return code;
  } catch (error) {
    if (error instanceof Fault) {
      world.write(renderFault(error));
      return error.code === 'bug.unexpected' ? exit.bug : exitOf(error.code);
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    world.write(renderCommand('error', { title: 'a bug in nodeproof, please report it' }, text));
    return exit.bug;
  }
}

function chooseMode(inputs: Inputs): (step: Step) => Promise<ModeOutcome> {
  const mode = inputs.wanted('mode', 'want attest, verify or publish');
  if (isMode(mode)) return modes[mode];
  throw new Fault(
    'usage.input',
    `Cannot use the mode ${JSON.stringify(mode.slice(0, 80))}: want attest, verify or publish`,
    {
      where: 'mode',
    },
  );
}

/** A flag that is none is told before anything is signed, not when it is asked for. Fault: usage.input. */
function checkFlags(inputs: Inputs): void {
  for (const [name, spec] of Object.entries<InputSpec>(inputTable))
    if (spec.default === 'true' || spec.default === 'false') inputs.isSet(name as InputName);
}

function isMode(text: string): text is keyof typeof modes {
  return Object.hasOwn(modes, text);
}

/** The runner warns of an input that there is not, and goes on: a misspelt upstream-key would leave lists unchecked. */
function refuseUnknownInputs(world: ActionWorld): void {
  const [unknown] = findUnknownInputs(world);
  if (unknown === undefined) return;
  throw new Fault('usage.input', `Cannot use the input ${unknown}: there is none of that name`, {
    where: unknown,
    next: `There are ${Object.keys(inputTable).join(', ')}`,
  });
}
