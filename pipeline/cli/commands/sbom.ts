import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { readImageArtifacts, readSysextArtifact } from '../../attest/index.ts';
import { exit, Fault } from '../../core/index.ts';
import { openFileSource, writeDirectoryAtomically } from '../../edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { inventoryHelper } from '../../edge/inventory/index.ts';
import { isNodeImage } from '../../image/index.ts';
import { fileSelections, renderSbom, type SbomOptions } from '../../sbom/index.ts';
import type { Invocation, Run } from '../command.ts';
import { openProgress } from '../progress.ts';
import type { sbomCommand } from '../table.ts';
import { version } from '../version.ts';
import { documentTime, type World } from '../world.ts';

type NamedSbom = { readonly name: string; readonly bytes: Uint8Array };

export const runSbom: Run<typeof sbomCommand> = async (invocation) => {
  const { operands, options, world } = invocation;
  const sbomOptions = readOptions(invocation);
  await using pool = openHashingPool();
  const hashing = { ...pool, inventory: inventoryHelper(0) };
  if (options.out === undefined) {
    const sboms = await describeFile(singleOperand(operands), sbomOptions, hashing, world);
    world.stdout.write(Buffer.from(sboms[0]?.bytes ?? []).toString('utf8'));
    return exit.admit;
  }
  await writeDirectoryAtomically(resolve(world.directory, options.out), async (directory) => {
    for (const operand of operands) {
      for (const sbom of await describeFile(operand, sbomOptions, hashing, world))
        writeNew(join(directory, sbom.name), sbom);
    }
  });
  return exit.admit;
};

function readOptions({ options, world }: Invocation<typeof sbomCommand>): SbomOptions {
  const files = fileSelections.find((selection) => selection === (options.files ?? 'binaries'));
  if (files === undefined)
    throw new Fault(
      'usage.files',
      `Cannot select files ${JSON.stringify(options.files)}: want ${fileSelections.join(', ')}`,
    );
  const specVersion = (['1.6', '1.7'] as const).find((known) => known === (options.spec ?? '1.6'));
  if (specVersion === undefined)
    throw new Fault('usage.spec', `Cannot write CycloneDX ${JSON.stringify(options.spec)}: want 1.6 or 1.7`);
  return { files, specVersion, timestamp: documentTime(world), tool: { name: 'nodeproof', version } };
}

function singleOperand(operands: readonly string[]): string {
  const [only, ...others] = operands;
  if (only === undefined || others.length > 0) {
    throw new Fault(
      'usage.out',
      `Cannot print the SBOMs of ${operands.length} files on stdout: want one file, or --out DIR`,
    );
  }
  return only;
}

/** The SBOM of the file itself first, then those of the extensions inside it. */
async function describeFile(
  operand: string,
  options: SbomOptions,
  hashing: HashingPool,
  world: World,
): Promise<readonly NamedSbom[]> {
  using _progress = openProgress(world, `reading ${operand}`);
  using source = openFileSource(resolve(world.directory, operand));
  const fileName = basename(operand);
  if (!isNodeImage(source)) {
    const sysext = await readSysextArtifact(source, fileName, null, hashing, []);
    return [{ name: `${fileName}.cdx.json`, bytes: renderSbom(sysext.sbom, sysext.inventory, options) }];
  }
  const { image, builtIn } = await readImageArtifacts(source, fileName, hashing, { without: [], algorithms: [] });
  return [image, ...builtIn].map((artifact) => ({
    name: `${artifact.fileName}.cdx.json`,
    bytes: renderSbom(artifact.sbom, artifact.inventory, options),
  }));
}

function writeNew(path: string, { name, bytes }: NamedSbom): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' });
  } catch (cause) {
    throw new Fault('usage.out', `Cannot write ${name}: two of the files have this name`, {
      where: name,
      cause,
      next: 'Give them in two calls with directories of their own',
    });
  }
}
