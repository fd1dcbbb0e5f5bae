import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../pipeline/core/index.ts';
import { buildStandalone } from '../../pipeline/standalone/build.ts';

/** The program, or why it could not be built. */
export type StandaloneProgram = { readonly program: string } | { readonly missing: string };

const cache = join(import.meta.dirname, '../../node_modules/.cache/nodeproof');

/** Builds the program for this machine into a folder, or takes the one that NODEPROOF_STANDALONE names. */
export async function placeStandaloneProgram(folder: string): Promise<StandaloneProgram> {
  const given = process.env['NODEPROOF_STANDALONE'];
  if (given !== undefined && existsSync(given)) return { program: given };
  try {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    const program = join(folder, `nodeproof-linux-${architecture}`);
    writeFileSync(program, await buildStandalone({ architecture, cache }));
    chmodSync(program, 0o755);
    return { program };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'network.npm') throw error;
    return { missing: error.message };
  }
}
