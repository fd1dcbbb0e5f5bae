import type { Key, VerifyMessageResult } from 'openpgp';
import { decodeUtf8, Digest, type DigestAlgorithm, Fault, within } from '../core/index.ts';
import { type ChecksumLine, parseChecksumList } from '../formats/checksum-list/index.ts';
import type { ResourceDescriptor } from '../formats/statement/index.ts';

type VerificationResult = VerifyMessageResult['signatures'][number];

/** A file as it was given: by its path, for a signature belongs to the list beside it. */
export type NamedBytes = { readonly name: string; readonly bytes: Uint8Array };

/** A list of checksums that the image's maker published, and by whose key it was found good; null where nobody signed it. */
export type UpstreamList = {
  /** Its file's name, without the directory where it lay. */
  readonly name: string;
  readonly sha256: string;
  readonly lines: readonly ChecksumLine[];
  readonly signedBy: UpstreamKey | null;
};

export type UpstreamKey = { readonly fingerprint: string; readonly userId: string | null };

/**
 * Reads the maker's lists and checks their signatures against the given keys, nothing else: clearsigned lists
 * (`DIGESTS.asc`), and lists with a detached signature beside them (`SHA256SUMS` with `SHA256SUMS.sig` or `.asc`).
 * A signature that is there must be good, and keys that were given must have signed something.
 * Faults: upstream.signature, usage.upstream, usage.upstream-key, key.openpgp, checksum-list.*.
 *
 * @param time when the keys must be valid
 */
export async function verifyUpstream(
  files: readonly NamedBytes[],
  keyFiles: readonly NamedBytes[],
  time: Date,
): Promise<readonly UpstreamList[]> {
  const keys = await readKeys(keyFiles);
  const lists: UpstreamList[] = [];
  for (const file of files.filter((candidate) => !isDetachedSignature(candidate, files))) {
    const detached = files.find((candidate) => isSignatureOf(candidate, file));
    lists.push(await readList(file, detached, keys, time));
  }
  if (keys.length > 0 && !lists.some((list) => list.signedBy !== null)) {
    throw new Fault(
      'usage.upstream-key',
      'Cannot check the upstream lists: keys were given and none of them is signed',
      {
        next: 'Give the signatures too (--upstream SHA256SUMS SHA256SUMS.sig), or no --upstream-key',
      },
    );
  }
  return lists;
}

async function readList(
  file: NamedBytes,
  detached: NamedBytes | undefined,
  keys: readonly Key[],
  time: Date,
): Promise<UpstreamList> {
  const name = baseName(file.name);
  const clearsigned = isClearsigned(file);
  if (!clearsigned && /\.(?:asc|sig)$/.test(name))
    throw new Fault('usage.upstream', `Cannot use ${name}: a signature whose list was not given`, {
      where: file.name,
      next: 'Give the list that it signs as well',
    });
  const text = decodeUtf8(file.bytes, name);
  const signed = clearsigned
    ? await verifyClearsigned(name, text, keys, time)
    : { text, by: detached === undefined ? null : await verifyDetached(file, detached, keys, time) };
  const lines = within(name, () => parseChecksumList(signed.text));
  return { name, sha256: Digest.of('sha256', file.bytes).hex, lines, signedBy: signed.by };
}

/** RFC 9580 §7. */
const clearsignedHeader = '-----BEGIN PGP SIGNED MESSAGE-----';

function isClearsigned({ bytes }: NamedBytes): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(clearsignedHeader) === 0;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function verifyClearsigned(name: string, text: string, keys: readonly Key[], time: Date) {
  const { readCleartextMessage, verify } = await import('openpgp');
  const outcome = await signatureStep(name, async () => {
    const message = await readCleartextMessage({ cleartextMessage: text });
    const verified = await verify({ message, verificationKeys: [...keys], date: time, format: 'utf8' });
    return { text: verified.data, signatures: verified.signatures };
  });
  return { text: outcome.text, by: await firstGoodKey(name, outcome.signatures, keys) };
}

async function verifyDetached(
  file: NamedBytes,
  detached: NamedBytes,
  keys: readonly Key[],
  time: Date,
): Promise<UpstreamKey> {
  const { createMessage, readSignature, verify } = await import('openpgp');
  const signatures = await signatureStep(detached.name, async () => {
    const signature = isArmored(detached)
      ? await readSignature({ armoredSignature: decodeUtf8(detached.bytes, detached.name) })
      : await readSignature({ binarySignature: detached.bytes });
    const message = await createMessage({ binary: file.bytes });
    return (await verify({ message, signature, verificationKeys: [...keys], date: time, format: 'binary' })).signatures;
  });
  return firstGoodKey(detached.name, signatures, keys);
}

/** One good signature by a given key is wanted; others may be by keys that we were not given. */
async function firstGoodKey(
  name: string,
  signatures: readonly VerificationResult[],
  keys: readonly Key[],
): Promise<UpstreamKey> {
  let problem = 'it has no signature';
  for (const signature of signatures) {
    try {
      await signature.verified;
      const key = keys.find((candidate) => candidate.getKeys(signature.keyID).length > 0);
      if (key === undefined) continue;
      return { fingerprint: key.getFingerprint(), userId: key.getUserIDs()[0] ?? null };
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
  }
  throw new Fault('upstream.signature', `Cannot trust the upstream list ${name}: ${problem}`, {
    where: name,
    next: 'Give the key that signed it with --upstream-key',
  });
}

async function readKeys(files: readonly NamedBytes[]): Promise<readonly Key[]> {
  if (files.length === 0) return [];
  const { readKeys: readOpenpgpKeys } = await import('openpgp');
  const keys: Key[] = [];
  for (const file of files) {
    try {
      const read = isArmored(file)
        ? await readOpenpgpKeys({ armoredKeys: decodeUtf8(file.bytes, file.name) })
        : await readOpenpgpKeys({ binaryKeys: file.bytes });
      keys.push(...read);
    } catch (cause) {
      throw new Fault(
        'key.openpgp',
        `Cannot read the upstream key ${file.name}: want OpenPGP public keys, armored or binary`,
        { where: file.name, cause },
      );
    }
  }
  return keys;
}

/** `-----BEGIN`: the first byte of a binary OpenPGP packet has its high bit set. */
function isArmored(file: NamedBytes): boolean {
  return file.bytes[0] === 0x2d;
}

async function signatureStep<T>(name: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const problem = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Fault('upstream.signature', `Cannot read the signature of ${name}: ${problem}`, { where: name, cause });
  }
}

function isDetachedSignature(file: NamedBytes, files: readonly NamedBytes[]): boolean {
  return files.some((other) => isSignatureOf(file, other));
}

/** Flatcar has `DIGESTS.sig` and `DIGESTS.asc` beside `DIGESTS`, and the latter is a list itself. */
function isSignatureOf(file: NamedBytes, list: NamedBytes): boolean {
  return [`${list.name}.sig`, `${list.name}.asc`].includes(file.name) && !isClearsigned(file);
}

/** What a digest must be made with to count: SHA-1 and MD5 can be made to fit two files. */
const countingAlgorithms: readonly DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];

/** The algorithms that files must be digested with, to be compared with lists. */
export function upstreamAlgorithms(lists: readonly UpstreamList[]): readonly DigestAlgorithm[] {
  const named = new Set(lists.flatMap((list) => list.lines.map((line) => line.digest.algorithm)));
  return countingAlgorithms.filter((algorithm) => named.has(algorithm));
}

type Digested = { readonly fileName: string; readonly digests: readonly Digest[] };

/**
 * Compares the files of a set with what their makers published, and describes each that was found to be the published one
 * for the provenance of its member. A mismatch refuses the whole set, and so does a list that names none of its files:
 * it is not the list of these files. Faults: upstream.digest, usage.upstream.
 *
 * @returns by the file name of the member, or of the file beside them
 */
export function compareUpstream(
  members: readonly (Digested & { readonly kind: 'node-image' | 'sysext' | 'file' })[],
  shipped: Digested | null,
  lists: readonly UpstreamList[],
): ReadonlyMap<string, readonly ResourceDescriptor[]> {
  const used = new Set<UpstreamList>();
  const described = members.map((member) => {
    const files = [member, ...(member.kind === 'node-image' && shipped !== null ? [shipped] : [])];
    const dependencies = files.flatMap((file) =>
      lists
        .filter((list) => isListed(file, list))
        .map((list) => {
          used.add(list);
          return describeDependency(file, list);
        }),
    );
    return [member.fileName, dependencies] as const;
  });
  const unused = lists.find((list) => !used.has(list));
  if (unused !== undefined)
    throw new Fault(
      'usage.upstream',
      `Cannot use the upstream list ${unused.name}: it names none of the files of the set`,
      {
        where: unused.name,
        next: 'Give the very files that were published, and the list that belongs to them; MD5 and SHA-1 do not count',
      },
    );
  return new Map(described);
}

/** Whether a list is about the file with digests that count; then all of them must be its own. Fault: upstream.digest. */
function isListed(file: Digested, list: UpstreamList): boolean {
  const { fileName, digests } = file;
  const lines = linesAbout(file, list);
  const compared = lines.flatMap(({ digest: expected }) => {
    const actual = digests.find((digest) => digest.algorithm === expected.algorithm);
    return actual === undefined ? [] : [{ actual, expected }];
  });
  for (const { actual, expected } of compared) {
    if (actual.hex !== expected.hex)
      throw new Fault(
        'upstream.digest',
        `Cannot attest ${fileName}: its ${actual.algorithm} is ${actual.hex}, want ${expected.hex} as ${list.name} says`,
        { where: fileName, next: 'Download the file again, or the list that belongs to it' },
      );
  }
  return compared.some(({ actual }) => countingAlgorithms.includes(actual.algorithm));
}

/**
 * By its name, else by its digest: makers give the images of all architectures one name, in directories of their own, and in one
 * release they need different ones.
 */
function linesAbout({ fileName, digests }: Digested, { lines }: UpstreamList): readonly ChecksumLine[] {
  const named = lines.filter((line) => line.fileName === fileName);
  if (named.length > 0) return named;
  return lines.filter((line) => digests.some((digest) => Digest.equals(digest, line.digest)));
}

function describeDependency(file: Digested, list: UpstreamList): ResourceDescriptor {
  const { fileName, digests } = file;
  const [line] = linesAbout(file, list);
  return {
    name: fileName,
    uri: `file:${encodeURIComponent(fileName)}`,
    digest: Object.fromEntries(digests.map((digest) => [digest.algorithm, digest.hex])),
    annotations: {
      // Whether a key that was given vouches for the list. Without one it says only what somebody published.
      nodeproof_verified: list.signedBy !== null,
      list: list.name,
      listSha256: list.sha256,
      ...(line === undefined || line.fileName === fileName ? {} : { listedAs: line.fileName }),
      ...(list.signedBy === null ? {} : { openpgpFingerprint: list.signedBy.fingerprint }),
    },
  };
}
