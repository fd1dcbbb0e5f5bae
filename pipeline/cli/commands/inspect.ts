import { resolve } from 'node:path';
import { inspectFile, type Inspection, isConsistent } from '../../inspection/index.ts';
import { exit, Fault } from '../../core/index.ts';
import { openFileSource, readSmallFile } from '../../edge/files/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { inventoryHelper } from '../../edge/inventory/index.ts';
import { renderInspection } from '../../report/index.ts';
import type { Run } from '../command.ts';
import type { inspectCommand } from '../table.ts';
import { openProgress } from '../progress.ts';

const wholeFileAlgorithms = ['sha256', 'sha512'] as const;
const certificateBytes = 64 * 1024;

/** Exit 3 where an image contradicts itself: hashes that disagree are not a fact to build on. */
export const runInspect: Run<typeof inspectCommand> = async ({ operands, options, world }) => {
  const digests = options.digest.map(parseAlgorithm);
  const certificate =
    options.certificate === undefined
      ? null
      : Buffer.from(readSmallFile(resolve(world.directory, options.certificate), certificateBytes)).toString('utf8');
  await using pool = openHashingPool();
  const hashing = { ...pool, inventory: inventoryHelper(0) };
  const files: Inspection[] = [];
  for (const [at, operand] of operands.entries()) {
    using progress = openProgress(world, `inspecting ${operand} (${at + 1} of ${operands.length})`);
    using source = openFileSource(resolve(world.directory, operand));
    const inspection = await inspectFile(source, hashing, { digests, certificate });
    progress.end();
    files.push({ ...inspection, path: operand });
    if (!options.json) world.stdout.write(renderInspection({ ...inspection, path: operand }));
  }
  if (options.json) world.stdout.write(`${JSON.stringify({ files }, null, 2)}\n`);
  return files.every(isConsistent) ? exit.admit : exit.untrusted;
};

function parseAlgorithm(name: string): (typeof wholeFileAlgorithms)[number] {
  const algorithm = wholeFileAlgorithms.find((known) => known === name);
  if (algorithm === undefined) {
    throw new Fault(
      'usage.digest',
      `Cannot compute digest ${JSON.stringify(name)}: want ${wholeFileAlgorithms.join(' or ')}`,
      { next: 'Give the files before --digest' },
    );
  }
  return algorithm;
}
