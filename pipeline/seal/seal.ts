import { createHmac } from 'node:crypto';
import { checkRange, customUuid, Fault, formatUuid, type Source } from '../core/index.ts';
import {
  discoverableTypes,
  encodeGpt,
  gptBackupSectors,
  gptSectorBytes,
  type PlannedPartition,
} from '../formats/gpt/index.ts';
import {
  buildVerityTree,
  checkVerityParameters,
  encodeVeritySuperblock,
  layOutVerityTree,
  type VerityParameters,
  verityTreeOffset,
} from '../formats/verity/index.ts';
import { encodeVeritySignature, type RootHashSigner, signRootHash } from '../formats/verity-signature/index.ts';
import { readSysext, type Sysext } from '../image/index.ts';
import type { Hashing } from '../inspection/index.ts';

/** A stretch of an image: bytes of its own, or bytes of the file that is sealed. Between stretches there are zeros. */
export type Segment = { readonly offsetBytes: number; readonly content: Uint8Array | Source };

/** A discoverable disk image (UAPI.3) around a plain extension, ready to be written. */
export type SealedImage = {
  readonly name: string;
  readonly architecture: Architecture;
  readonly rootHash: string;
  readonly certificateFingerprint: string | null;
  readonly sizeBytes: number;
  /** In the order of their offsets. */
  readonly segments: readonly Segment[];
};

export type SealOptions = {
  /** Needed where the extension-release is for any architecture: partition types name one. */
  readonly architecture: string | null;
  readonly signer: RootHashSigner | null;
};

type Architecture = (typeof architectures)[number];
const architectures = ['x86-64', 'arm64'] as const;

/** What systemd-repart begins at, and aligns and rounds to. */
const firstPartitionBytes = 1024 * 1024;
const grainBytes = 4096;
/** What systemd-repart makes of a signature partition. */
const signaturePartitionBytes = 16 * 1024;
/** UAPI.2, "Partition Flags": nobody writes to it. */
const readOnlyAttribute = 1n << 60n;

/**
 * Turns a plain extension into a disk image with a verity tree over the same file system and, where a signer is given, a
 * signature of the root hash. No random numbers and no clock: salt and GUIDs come from the file's digest, so that the same file
 * and RSA key give the same bytes.
 *
 * Faults: seal.kind (it is one already), usage.architecture, and those of readSysext.
 */
export async function sealSysext(source: Source, hashing: Hashing, options: SealOptions): Promise<SealedImage> {
  const sysext = await readSysext(source, hashing.hashLeaves);
  if (sysext.layout !== 'plain')
    throw new Fault('seal.kind', `Cannot seal ${source.name}: it is a disk image already, want a plain file system`, {
      where: source.name,
      next: 'nodeproof inspect shows its verity and whose signature it has',
    });
  const architecture = chooseArchitecture(sysext, options.architecture);
  const [sha256] = await hashing.digestSource(source, ['sha256']);
  if (sha256 === undefined) throw new TypeError('Cannot happen: no digest was computed');
  const derive = (what: string): Buffer => createHmac('sha256', Buffer.from(sha256.hex, 'hex')).update(what).digest();

  const data = padSource(source);
  const { hashes, rootHash } = await buildHashes(data, derive, hashing);
  const signature = options.signer === null ? null : signRootHash(rootHash, options.signer);
  const partitions = placePartitions(architecture, rootHash, derive, [
    { part: 'data', sizeBytes: data.sizeBytes },
    { part: 'verity', sizeBytes: hashes.byteLength },
    ...(signature === null ? [] : [{ part: 'verity-signature' as const, sizeBytes: signaturePartitionBytes }]),
  ]);
  const sizeBytes = roundUp(endOf(partitions) + gptBackupSectors * gptSectorBytes);
  const { head, tail } = encodeGpt(customUuid(derive('disk')), partitions, sizeBytes / gptSectorBytes);
  const contents = [source, hashes, ...(signature === null ? [] : [encodeVeritySignature(signature)])];
  return {
    name: sysext.release.name,
    architecture,
    rootHash,
    certificateFingerprint: signature?.certificateFingerprint ?? null,
    sizeBytes,
    segments: [
      { offsetBytes: 0, content: head },
      ...partitions.map(({ firstSector }, at) => ({
        offsetBytes: firstSector * gptSectorBytes,
        content: contents[at] ?? new Uint8Array(),
      })),
      { offsetBytes: sizeBytes - tail.byteLength, content: tail },
    ],
  };
}

/** systemd mounts a partition on the machine that its type names: the extension's own word, or what was asked for. */
function chooseArchitecture({ release }: Sysext, given: string | null): Architecture {
  const declared = release.release.architecture;
  const own = declared === undefined || declared === '_any' ? null : declared;
  if (given !== null && own !== null && given !== own)
    throw new Fault('usage.architecture', `Cannot seal for ${given.slice(0, 40)}: the extension-release is for ${own}`);
  const chosen = architectures.find((each) => each === (own ?? given));
  if (chosen !== undefined) return chosen;
  throw new Fault(
    'usage.architecture',
    own === null && given === null
      ? 'Cannot tell the architecture: the extension-release is for any'
      : `Cannot seal for ${JSON.stringify((own ?? given)?.slice(0, 40))}: want ${architectures.join(' or ')}`,
    { next: 'Give --architecture x86-64 or arm64: the types of partitions name one' },
  );
}

/** Verity covers whole blocks: what the last one lacks is zeros. */
function padSource(source: Source): Source {
  const sizeBytes = roundUp(source.sizeBytes);
  if (sizeBytes === source.sizeBytes) return source;
  const padded: Source = {
    name: source.name,
    sizeBytes,
    read(offset, length) {
      checkRange(padded, offset, length);
      const there = Math.max(0, Math.min(length, source.sizeBytes - offset));
      const bytes = new Uint8Array(length);
      if (there > 0) bytes.set(source.read(offset, there));
      return bytes;
    },
  };
  return padded;
}

async function buildHashes(
  data: Source,
  derive: (what: string) => Buffer,
  hashing: Hashing,
): Promise<{ readonly hashes: Uint8Array; readonly rootHash: string }> {
  const parameters: VerityParameters = checkVerityParameters({
    hashType: 1,
    algorithm: 'sha256',
    dataBlockSizeBytes: grainBytes,
    hashBlockSizeBytes: grainBytes,
    dataBlocks: data.sizeBytes / grainBytes,
    salt: derive('salt').toString('hex'),
  });
  const layout = layOutVerityTree(parameters, verityTreeOffset(0, grainBytes));
  const tree = await buildVerityTree(data, parameters, layout, hashing.hashLeaves);
  const hashes = new Uint8Array(layout.endOffset);
  hashes.set(encodeVeritySuperblock(parameters, customUuid(derive('superblock'))));
  for (const [level, { offset }] of layout.levels.entries()) hashes.set(tree.levels[level] ?? [], offset);
  return { hashes, rootHash: tree.rootHash };
}

type Part = { readonly part: 'data' | 'verity' | 'verity-signature'; readonly sizeBytes: number };

/** UAPI.2: data and verity partition have the halves of the root hash as GUIDs, by which systemd finds them. */
function placePartitions(
  architecture: Architecture,
  rootHash: string,
  derive: (what: string) => Buffer,
  parts: readonly Part[],
): readonly PlannedPartition[] {
  const guids = {
    data: formatUuid(Buffer.from(rootHash.slice(0, 32), 'hex')),
    verity: formatUuid(Buffer.from(rootHash.slice(-32), 'hex')),
    'verity-signature': customUuid(derive('signature partition')),
  } as const;
  const labels = { data: '', verity: '-verity', 'verity-signature': '-verity-sig' } as const;
  let offsetBytes = firstPartitionBytes;
  return parts.map(({ part, sizeBytes }) => {
    const type = discoverableTypes.find(
      (each) => each.tree === 'root' && each.architecture === architecture && each.part === part,
    );
    const firstSector = offsetBytes / gptSectorBytes;
    offsetBytes += roundUp(sizeBytes);
    return {
      typeGuid: type?.typeGuid ?? '',
      guid: guids[part],
      label: `root-${architecture}${labels[part]}`,
      attributes: readOnlyAttribute,
      firstSector,
      sectors: roundUp(sizeBytes) / gptSectorBytes,
    };
  });
}

function endOf(partitions: readonly PlannedPartition[]): number {
  const last = partitions.at(-1);
  return last === undefined ? firstPartitionBytes : (last.firstSector + last.sectors) * gptSectorBytes;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / grainBytes) * grainBytes;
}
