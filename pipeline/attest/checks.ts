import { Fault } from '../core/index.ts';
import { judgeExtensionRelease } from '../formats/extension-release/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import type { PlainFile } from './plain-files.ts';
import type { ShippedFile } from './statements.ts';

/**
 * Refuses a set that contradicts itself: an extension that systemd would not merge on this OS, programs for another
 * machine, two files of one name. Without an image an extension's programs must be for the machine that it declares.
 * Faults: attest.extension-release, attest.architecture, attest.file-name. (Two members of one name: buildIdentity.)
 */
export function checkSet(
  image: ImageArtifact | null,
  sysexts: readonly SysextArtifact[],
  shipped: ShippedFile | null,
): void {
  for (const sysext of sysexts) {
    if (image !== null) checkFits(sysext, image);
    checkPrograms(sysext, image?.architecture ?? sysext.sbom.architecture);
  }
  const given = [...(image === null ? [] : [image]), ...(shipped === null ? [] : [shipped]), ...sysexts];
  checkFileNames(given.map(({ fileName }) => fileName));
}

/** Files stand in SHA256SUMS; what is known by its digest alone may have any name that a line of text takes. */
export function checkPlainFiles(files: readonly PlainFile[]): void {
  checkFileNames(files.filter(({ isRead }) => isRead).map(({ name }) => name));
  for (const { name } of files) {
    if (!printableName.test(name))
      throw new Fault('attest.file-name', `Cannot attest a subject named ${JSON.stringify(name)}`, {
        next: 'Rename it: no control characters and no line ends, at most 512 characters',
      });
  }
}

/** `ghcr.io/acme/nodes:4593.2.5`. */
const printableName = /^[^\p{C}\p{Zl}\p{Zp}]{1,512}$/u;

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
function checkPrograms({ fileName, inventory }: SysextArtifact, architecture: string | null): void {
  if (architecture === null) return;
  const built = new Set(inventory.files.flatMap((file) => file.architecture ?? []));
  const runs = [architecture, ...(compatible[architecture] ?? [])];
  if (built.size === 0 || runs.some((one) => built.has(one))) return;
  throw new Fault(
    'attest.architecture',
    `Cannot attest ${fileName}: all its programs are for ${[...built].sort().join(', ')}, want ${architecture}`,
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
