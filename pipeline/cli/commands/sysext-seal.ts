import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { exit, Fault } from '../../core/index.ts';
import { openFileSource, writeImageAtomically } from '../../edge/files/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { openPrivateKey } from '../../edge/sigstore/index.ts';
import {
  openRootHashSigner,
  type RootHashSigner,
  verifyVeritySignature,
} from '../../formats/verity-signature/index.ts';
import { readSysext } from '../../image/index.ts';
import { renderFacts } from '../../report/index.ts';
import { type SealedImage, sealSysext } from '../../seal/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, inputLimits, readConfiguration, renderJson } from '../inputs.ts';
import { openProgress } from '../progress.ts';
import type { sysextSealCommand } from '../table.ts';

type SealInvocation = Invocation<typeof sysextSealCommand>;

export const runSysextSeal: Run<typeof sysextSealCommand> = async (invocation) => {
  const {
    operands: [input = '', output = ''],
    options,
    world,
  } = invocation;
  const path = resolve(world.directory, output);
  if (existsSync(path))
    throw new Fault('usage.output', `Cannot write ${output}: it is there already`, {
      where: output,
      next: 'Name a file that is not there',
    });
  const identity = readIdentity(invocation);
  using source = openFileSource(resolve(world.directory, input));
  await using hashing = openHashingPool();
  using progress = openProgress(world, `sealing ${input}`);
  const sealed = await sealSysext(source, hashing, {
    architecture: options.architecture ?? null,
    signer: identity?.signer ?? null,
  });
  await writeImageAtomically(path, sealed.sizeBytes, sealed.segments, async (written) => {
    progress.tell(`reading ${output} again`);
    using file = openFileSource(written);
    const { verity, signature } = await readSysext(file, hashing.hashLeaves, sealed.name);
    if (verity?.report.rootHash !== sealed.rootHash || typeof verity.report.storedTree === 'object')
      throw new Fault('seal.changed', `Cannot seal ${input}: it changed while it was read`, {
        next: 'Seal it again when nothing writes to it',
      });
    if (identity !== null && signature !== null) verifyVeritySignature(signature, identity.certificatePem);
  });
  progress.end();
  tell(invocation, sealed, output);
  return exit.admit;
};

type Identity = { readonly signer: RootHashSigner; readonly certificatePem: string };

/** Faults: usage.signer, key.*, file.*. */
function readIdentity({ options, world }: SealInvocation): Identity | null {
  const { key, certificate } = options;
  if (key === undefined && certificate === undefined) return null;
  if (key === undefined || certificate === undefined)
    throw new Fault('usage.signer', 'Cannot sign the root hash: want both --key and --certificate');
  const pem = (path: string): Uint8Array => readConfiguration(world, path, inputLimits.pem);
  const privateKey = inFile(key, () => openPrivateKey(pem(key), world.environment['NODEPROOF_KEY_PASSPHRASE']));
  const certificatePem = Buffer.from(pem(certificate)).toString('utf8');
  return { signer: inFile(certificate, () => openRootHashSigner(privateKey, certificatePem)), certificatePem };
}

function tell({ options, world }: SealInvocation, sealed: SealedImage, output: string): void {
  const { name, architecture, rootHash, certificateFingerprint, sizeBytes } = sealed;
  if (options.json) {
    world.stdout.write(renderJson({ out: output, name, architecture, rootHash, certificateFingerprint, sizeBytes }));
    return;
  }
  const signedBy = certificateFingerprint === null ? 'nobody' : `certificate sha256:${certificateFingerprint}`;
  world.stdout.write(
    `Sealed ${basename(output)}: ${sizeBytes} bytes\n${renderFacts([
      ['merged as', name],
      ['for', architecture],
      ['root hash', rootHash],
      ['signed by', signedBy],
    ])}\n`,
  );
}
