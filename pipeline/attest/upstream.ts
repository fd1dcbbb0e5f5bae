import type { Key, VerifyMessageResult } from 'openpgp';
import { decodeUtf8, Digest, Fault, within } from '../core/index.ts';
import { type ChecksumLine, parseChecksumList } from '../formats/checksum-list/index.ts';

type VerificationResult = VerifyMessageResult['signatures'][number];

export type NamedBytes = { readonly name: string; readonly bytes: Uint8Array };

/** A list of checksums that the image's maker published, and by whose key it was found good; null where nobody signed it. */
export type UpstreamList = {
  readonly name: string;
  readonly sha256: string;
  readonly lines: readonly ChecksumLine[];
  readonly signedBy: UpstreamKey | null;
};

export type UpstreamKey = { readonly fingerprint: string; readonly userId: string | null };

/**
 * Reads the maker's lists and checks their signatures against the given keys, nothing else: clearsigned lists
 * (`DIGESTS.asc`), and lists with a detached signature beside them (`SHA256SUMS` with `SHA256SUMS.sig` or `.asc`).
 * A signature that is there must be good. Faults: upstream.signature, upstream.key, checksum-list.*.
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
    const detached = files.find((candidate) => signatureNames(file.name).includes(candidate.name));
    lists.push(await readList(file, detached, keys, time));
  }
  return lists;
}

async function readList(
  file: NamedBytes,
  detached: NamedBytes | undefined,
  keys: readonly Key[],
  time: Date,
): Promise<UpstreamList> {
  const text = decodeUtf8(file.bytes, file.name);
  const sha256 = Digest.of('sha256', file.bytes).hex;
  if (text.startsWith('-----BEGIN PGP SIGNED MESSAGE-----')) {
    const signed = await verifyClearsigned(file.name, text, keys, time);
    return {
      name: file.name,
      sha256,
      lines: within(file.name, () => parseChecksumList(signed.text)),
      signedBy: signed.by,
    };
  }
  const lines = within(file.name, () => parseChecksumList(text));
  return {
    name: file.name,
    sha256,
    lines,
    signedBy: detached === undefined ? null : await verifyDetached(file, detached, keys, time),
  };
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

function signatureNames(name: string): readonly string[] {
  return [`${name}.sig`, `${name}.asc`];
}

function isDetachedSignature(file: NamedBytes, files: readonly NamedBytes[]): boolean {
  return files.some((other) => signatureNames(other.name).includes(file.name));
}

/** Where upstream names an artifact: what its list says, and whether somebody signed that. */
export type UpstreamMatch = { readonly list: UpstreamList; readonly digests: readonly Digest[] };

/** All that the lists say of a file name. */
export function findUpstream(lists: readonly UpstreamList[], fileName: string): readonly UpstreamMatch[] {
  return lists
    .map((list) => ({
      list,
      digests: list.lines.filter((line) => line.fileName === fileName).map((line) => line.digest),
    }))
    .filter((match) => match.digests.length > 0);
}

/** Compares a file's digests with what upstream published for its name. Fault: upstream.digest. */
export function checkUpstream(fileName: string, actual: readonly Digest[], matches: readonly UpstreamMatch[]): void {
  for (const { list, digests } of matches) {
    for (const expected of digests) {
      const mine = actual.find((digest) => digest.algorithm === expected.algorithm);
      if (mine !== undefined && mine.hex !== expected.hex) {
        throw new Fault(
          'upstream.digest',
          `Cannot attest ${fileName}: its ${mine.algorithm} is ${mine.hex}, want ${expected.hex} as ${list.name} says`,
          {
            where: fileName,
            next: 'Download the file again, or the list that belongs to it',
          },
        );
      }
    }
  }
}
