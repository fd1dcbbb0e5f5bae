import { Fault } from '../core/index.ts';
import { judgeExtensionRelease } from '../formats/extension-release/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';

/**
 * Refuses a set that contradicts itself: an extension that systemd would not merge on this OS, two files of one name, a
 * kernel for another machine. Faults: attest.extension-release, attest.file-name. (Two members of one name: buildIdentity.)
 */
export function checkSet(image: ImageArtifact, sysexts: readonly SysextArtifact[]): void {
  for (const sysext of sysexts) checkFits(sysext, image);
  const names = [image.fileName, ...sysexts.map((sysext) => sysext.fileName)];
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) !== at) {
      throw new Fault(
        'attest.file-name',
        `Cannot attest the set: two of its files are named ${name}, and their attestations would be`,
        { where: name, next: 'Rename one of the files' },
      );
    }
  }
}

function checkFits(
  { name, fileName, release, extensionClass }: SysextArtifact,
  { os, architecture }: ImageArtifact,
): void {
  const [mismatch] = judgeExtensionRelease(
    name,
    release.release,
    { os, architecture, scope: 'system' },
    extensionClass,
  );
  if (mismatch === undefined) return;
  throw new Fault('attest.extension-release', `Cannot attest ${fileName} with this image: ${mismatch.message}`, {
    where: fileName,
    next: mismatch.next,
  });
}
