import { Digest, type DigestAlgorithm, Fault, limits } from '../../core/index.ts';

/** One line of a list of checksums: which file has which digest. */
export type ChecksumLine = { readonly fileName: string; readonly digest: Digest };

/** The sections of Flatcar's DIGESTS that still mean something; MD5 is passed over (no digest of ours is made with it). */
const sections: Readonly<Record<string, DigestAlgorithm | 'md5'>> = {
  '# MD5 HASH': 'md5',
  '# SHA1 HASH': 'sha1',
  '# SHA256 HASH': 'sha256',
  '# SHA512 HASH': 'sha512',
};

/**
 * Parses `SHA256SUMS` and `SHA512SUMS` as sha256sum(1) writes them, and Flatcar's `DIGESTS`, which has sections for several
 * algorithms; without a section the length of a digest tells how it was made.
 * Lines are `<hex>  <name>` or `<hex> *<name>`. Faults: checksum-list.line, limit.checksum-list.
 */
export function parseChecksumList(text: string): readonly ChecksumLine[] {
  if (text.length > limits.checksumListBytes) {
    throw new Fault(
      'limit.checksum-list',
      `Cannot read the checksum list: ${text.length} characters, want at most ${limits.checksumListBytes}`,
    );
  }
  let section: DigestAlgorithm | 'md5' | undefined;
  const lines: ChecksumLine[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const named = sections[line.trim()];
    if (named !== undefined) section = named;
    else if (line.startsWith('#') || section === 'md5') continue;
    else lines.push(parseLine(line, section ?? algorithmOf(line), at + 1));
  }
  return lines;
}

function algorithmOf(line: string): DigestAlgorithm {
  return /^[0-9a-f]{128} /.test(line) ? 'sha512' : 'sha256';
}

function parseLine(line: string, algorithm: DigestAlgorithm, number: number): ChecksumLine {
  const match = /^([0-9a-f]{40,128}) [ *]([^/\0]{1,255})$/.exec(line);
  if (match === null) {
    throw new Fault(
      'checksum-list.line',
      `Cannot read the checksum list: line ${number} is ${JSON.stringify(line.slice(0, 80))}, want <${algorithm} in hex>  <file name>`,
      { where: `line ${number}` },
    );
  }
  const [, hex = '', fileName = ''] = match;
  return { fileName, digest: Digest.fromHex(algorithm, hex) };
}
