import { exit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { collectEvidence } from '../../collection/index.ts';
import { renderEvidence } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { renderJson } from '../inputs.ts';
import { openCache } from '../node-cache.ts';
import { openNode } from '../node-subject.ts';
import type { nodeCollectCommand } from '../table.ts';

export const runNodeCollect: Run<typeof nodeCollectCommand> = async ({ options, world }) => {
  await using hashing = openHashingPool();
  const cache = openCache(options['digest-cache'], world);
  const evidence = await collectEvidence(openNode(options.root, hashing, world, cache), { digestPrograms: true });
  cache?.save();
  world.stdout.write(options.json ? renderJson(evidence) : renderEvidence(evidence));
  return exit.admit;
};
