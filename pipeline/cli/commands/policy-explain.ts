import { Digest, exit, limits } from '../../core/index.ts';
import { explainPolicy, parsePolicy } from '../../policy/index.ts';
import { renderPolicy } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { inFile, readInput, renderJson } from '../inputs.ts';
import type { policyExplainCommand } from '../table.ts';

export const runPolicyExplain: Run<typeof policyExplainCommand> = async ({ operands, options, world }) => {
  const [path = ''] = operands;
  const { policy, digest } = inFile(path, () => parsePolicy(readInput(world, path, limits.policyBytes)));
  const sections = explainPolicy(policy);
  world.stdout.write(
    options.json
      ? renderJson({ name: policy.name, digest: Digest.format(digest), sections })
      : renderPolicy(policy, digest, sections),
  );
  return exit.admit;
};
