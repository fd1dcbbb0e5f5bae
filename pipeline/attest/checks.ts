import { Fault } from '../core/index.ts';
import { judgeExtensionRelease } from '../formats/extension-release/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import type { ShippedFile } from './statements.ts';

/**
 * Refuses a set that contradicts itself: an extension that systemd would not merge on this OS, programs for another
 * machine, two files of one name. Faults: attest.extension-release, attest.architecture, attest.file-name.
 * (Two members of one name: buildIdentity.)
 */
export function checkSet(image: ImageArtifact, sysexts: readonly SysextArtifact[], shipped: ShippedFile | null): void {
  for (const sysext of sysexts) {
    checkFits(sysext, image);
    checkPrograms(sysext, image.architecture);
  }
  checkFileNames([image, ...(shipped === null ? [] : [shipped]), ...sysexts].map(({ fileName }) => fileName));
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

/** 32-bit programs run on these, too. */
const compatible: Readonly<Record<string, readonly string[]>> = { 'x86-64': ['x86'], arm64: ['arm'] };

/** What an extension declares may be `_any`; what its programs are built for is a fact. One that fits none is a mistake. */
function checkPrograms({ fileName, inventory }: SysextArtifact, architecture: string): void {
  const built = new Set(inventory.files.flatMap((file) => file.architecture ?? []));
  const runs = [architecture, ...(compatible[architecture] ?? [])];
  if (built.size === 0 || runs.some((one) => built.has(one))) return;
  throw new Fault(
    'attest.architecture',
    `Cannot attest ${fileName} with this image: all its programs are for ${[...built].sort().join(', ')}, want ${architecture}`,
    { where: fileName, next: `Take the build for ${architecture}` },
  );
}

/** What a line of SHA256SUMS and a path take as it is: no control character, no separator, not hidden. */
const plainFileName = /^[^./\\\p{C}\p{Z}][^/\\\p{C}\p{Zl}\p{Zp}]{0,199}$/u;

/** Attestations are named after the files they are about. */
function checkFileNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (!plainFileName.test(name))
      throw new Fault('attest.file-name', `Cannot attest the set: one of its files is named ${JSON.stringify(name)}`, {
        next: 'Rename it: no leading dot, no control characters or backslashes, at most 200 characters',
      });
    if (seen.has(name))
      throw new Fault('attest.file-name', `Cannot attest the set: two of its files are named ${name}`, {
        where: name,
        next: 'Rename one of the files: attestations are named after them',
      });
    seen.add(name);
  }
}
