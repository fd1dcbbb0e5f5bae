import { resolve } from 'node:path';
import { exit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { openLiveNode, openNodeDirectory } from '../../edge/node/index.ts';
import { collectEvidence } from '../../collection/index.ts';
import { renderEvidence } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { renderJson } from '../inputs.ts';
import type { nodeCollectCommand } from '../table.ts';

export const runNodeCollect: Run<typeof nodeCollectCommand> = async ({ options, world }) => {
  await using hashing = openHashingPool();
  const looks = { hashing, now: world.now() };
  const node =
    options.root === undefined ? openLiveNode(looks) : openNodeDirectory(resolve(world.directory, options.root), looks);
  const evidence = await collectEvidence(node);
  world.stdout.write(options.json ? renderJson(evidence) : renderEvidence(evidence));
  return exit.admit;
};
