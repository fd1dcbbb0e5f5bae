import { exit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { lintCodes, lintNode } from '../../lint/index.ts';
import { buildSarif, renderLint } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { renderJson } from '../inputs.ts';
import { openNode } from '../node-subject.ts';
import type { nodeLintCommand } from '../table.ts';
import { version } from '../version.ts';

export const runNodeLint: Run<typeof nodeLintCommand> = async ({ options, world }) => {
  await using hashing = openHashingPool();
  const findings = lintNode(openNode(options.root, hashing, world));
  world.stdout.write(
    options.sarif
      ? renderJson(buildSarif(findings, version, lintCodes))
      : options.json
        ? renderJson({ findings })
        : renderLint(findings, options.root ?? 'this node'),
  );
  return findings.every(({ level }) => level === 'note') ? exit.admit : exit.denied;
};
