import { exit } from '../../core/index.ts';
import { policyJsonSchema } from '../../policy/index.ts';
import type { Run } from '../command.ts';
import { renderJson } from '../inputs.ts';
import type { policySchemaCommand } from '../table.ts';

export const runPolicySchema: Run<typeof policySchemaCommand> = async ({ world }) => {
  world.stdout.write(renderJson(policyJsonSchema()));
  return exit.admit;
};
