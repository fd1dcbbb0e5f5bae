import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { PlainFile } from '../attest/index.ts';
import { Digest, type DigestAlgorithm, Fault, limits } from '../core/index.ts';
import type { HashingPool } from '../edge/hashing/index.ts';
import type { World } from './world.ts';

/** One `--subject`: a file to be read, or a name with the digest that somebody else computed. */
export type SubjectOption =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'digest'; readonly text: string; readonly name: string; readonly sha256: Digest };

/** Reads `FILE` and `NAME@sha256:HEX`, before any file is opened. Faults: usage.subject, usage.subjects. */
export function parseSubjectOptions(texts: readonly string[]): readonly SubjectOption[] {
  if (texts.length > limits.attestedFiles)
    throw new Fault(
      'usage.subjects',
      `Cannot attest the files: ${texts.length}, want at most ${limits.attestedFiles}`,
      { next: 'Attest them in several releases, or an archive of them' },
    );
  return texts.map(parseSubjectOption);
}

function parseSubjectOption(text: string): SubjectOption {
  const match = /^(.*)@(sha[0-9]+:.*)$/s.exec(text);
  if (match === null) return { kind: 'file', path: text };
  const [, name = '', digest = ''] = match;
  if (name === '' || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Fault(
      'usage.subject',
      `Cannot use --subject ${JSON.stringify(text.slice(0, 200))}: want FILE, or NAME@sha256: and 64 digits in small hex`,
    );
  return { kind: 'digest', text, name, sha256: Digest.parse(digest) };
}

/** A glob may match a file of such a name: it would be attested by a digest that whoever named it chose. Fault: usage.subject. */
function refuseFileOfThatName({ text }: SubjectOption & { readonly kind: 'digest' }, world: World): void {
  if (statSync(resolve(world.directory, text), { throwIfNoEntry: false }) === undefined) return;
  throw new Fault(
    'usage.subject',
    `Cannot use --subject ${JSON.stringify(text.slice(0, 200))}: it is the name of a file, and NAME@sha256:HEX of another`,
    { where: text, next: 'Rename the file: its own digest would not be read' },
  );
}

/** Reads the files, one after the other. Faults: file.*, usage.subject. */
export async function readSubjects(
  subjects: readonly SubjectOption[],
  algorithms: readonly DigestAlgorithm[],
  hashing: HashingPool,
  world: World,
  progress: (what: string) => void,
): Promise<readonly PlainFile[]> {
  const files: PlainFile[] = [];
  for (const subject of subjects) {
    if (subject.kind === 'digest') {
      refuseFileOfThatName(subject, world);
      files.push({ name: subject.name, digests: [subject.sha256], isRead: false });
      continue;
    }
    progress(`hashing ${subject.path}`);
    const others = algorithms.filter((algorithm) => algorithm !== 'sha256');
    const [sha256, ...digests] = await hashing.digestFile(resolve(world.directory, subject.path), [
      'sha256',
      ...others,
    ]);
    if (sha256 === undefined) throw new TypeError('Cannot happen: no digest was computed');
    files.push({ name: basename(subject.path), digests: [sha256, ...digests], isRead: true });
  }
  return files;
}
