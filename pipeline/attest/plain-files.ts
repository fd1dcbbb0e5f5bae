import { compareText, Digest, Fault, limits } from '../core/index.ts';
import type { ImageArtifact, SysextArtifact } from './artifact.ts';
import type { ShippedFile } from './statements.ts';

/** A further file of a release, attested as it is: nobody looks into it, and it is no member of the node set. */
export type PlainFile = {
  /** Its file's name; where only its digest is known, any name: `ghcr.io/acme/nodes`. */
  readonly name: string;
  readonly digests: readonly [Digest, ...Digest[]];
  /** Whether its bytes were read; else its digest is somebody's word. */
  readonly isRead: boolean;
};

/**
 * The files that are attested plainly, by name: each once, without those that are members of the set anyway.
 * Faults: usage.subject (one name, two digests), usage.subjects.
 */
export function distinctFiles(
  files: readonly PlainFile[],
  members: readonly (ImageArtifact | SysextArtifact)[],
  shipped: ShippedFile | null,
): readonly PlainFile[] {
  checkAmount(files);
  const attested = [
    ...members.map(({ fileName, digests }) => [fileName, digests[0]] as const),
    ...(shipped === null ? [] : [[shipped.fileName, shipped.sha256] as const]),
  ];
  const known = new Map<string, Digest>(attested);
  const distinct = new Map<string, PlainFile>();
  for (const file of files) {
    const [sha256] = file.digests;
    const other = known.get(file.name);
    if (other !== undefined && !Digest.equals(other, sha256)) throw refuseTwice(file.name, other, sha256);
    known.set(file.name, sha256);
    const isMember = other !== undefined && !distinct.has(file.name);
    if (!isMember && distinct.get(file.name)?.isRead !== true) distinct.set(file.name, file);
  }
  return [...distinct.values()].sort((a, b) => compareText(a.name, b.name));
}

function checkAmount(files: readonly PlainFile[]): void {
  const characters = files.reduce((sum, { name }) => sum + name.length, 0);
  if (files.length <= limits.attestedFiles && characters <= limits.attestedFileNames) return;
  throw new Fault(
    'usage.subjects',
    `Cannot attest the files: ${files.length} with names of ${characters} characters, want at most ${limits.attestedFiles} with ${limits.attestedFileNames}`,
    { next: 'Attest them in several releases, or an archive of them' },
  );
}

function refuseTwice(name: string, first: Digest, second: Digest): Fault {
  return new Fault(
    'usage.subject',
    `Cannot attest two files named ${name}: one is ${Digest.format(first)}, the other ${Digest.format(second)}`,
    { where: name, next: 'Rename one of them: who looks for a file by its name must find one digest' },
  );
}

/** As many statements as stores want, each with the files it is about: the second is `SET.files.2`. */
export function splitFiles(
  name: string,
  files: readonly PlainFile[],
): readonly { readonly subjectName: string; readonly files: readonly PlainFile[] }[] {
  const size = limits.storedStatementSubjects;
  return Array.from({ length: Math.ceil(files.length / size) }, (_, at) => ({
    subjectName: at === 0 ? `${name}.files` : `${name}.files.${at + 1}`,
    files: files.slice(at * size, (at + 1) * size),
  }));
}
