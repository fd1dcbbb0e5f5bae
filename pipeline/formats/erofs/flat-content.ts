import { ByteReader } from '../../core/index.ts';
import { contentFault, type Inode } from './inode.ts';
import type { Volume } from './volume.ts';

export const pieceBytes = 1024 * 1024;

/** `EROFS_CHUNK_FORMAT_*`: how many blocks a chunk has, and whether its address has an 8-byte index or 4 bytes only. */
const chunkBlockBits = 0x1f;
const chunkIndexes = 0x20;
/** `EROFS_NULL_ADDR`: a chunk of zeros. */
const holeAddress = 0xffffffff;

/** Bytes `from` to `to` of an uncompressed inode: consecutive blocks, the last of them behind the inode where it is inline. */
export function* flatPieces(volume: Volume, inode: Inode, from: number, to: number): Generator<Uint8Array> {
  const { blockSizeBytes } = volume.superblock;
  const tailAt =
    inode.layout === 'flat-inline'
      ? Math.floor((inode.contentBytes - 1) / blockSizeBytes) * blockSizeBytes
      : inode.contentBytes;
  if (from < tailAt)
    yield* storedPieces(volume, inode, inode.union * blockSizeBytes + from, Math.min(to, tailAt) - from);
  if (to <= tailAt) return;
  // The kernel refuses inline data that crosses a block.
  if ((inode.tailOffset % blockSizeBytes) + inode.contentBytes - tailAt > blockSizeBytes)
    throw contentFault('erofs.content', inode, 'inline data crosses the end of its block');
  const start = Math.max(from, tailAt);
  yield volume.metadata.read(inode.tailOffset + start - tailAt, to - start);
}

/** Bytes `from` to `to` of a chunk-based inode; chunks that follow each other in the image are read at once. */
export function* chunkedPieces(volume: Volume, inode: Inode, from: number, to: number): Generator<Uint8Array> {
  const { blockBits, blockSizeBytes } = volume.superblock;
  const format = inode.union & 0xffff;
  if ((format & ~(chunkBlockBits | chunkIndexes)) !== 0)
    throw contentFault('erofs.feature', inode, `chunk format 0x${format.toString(16)} is not supported`);
  const chunkBytes = 2 ** (blockBits + (format & chunkBlockBits));
  const address = chunkAddresses(volume, inode, (format & chunkIndexes) !== 0);
  const place = (position: number): number | null => {
    const chunk = Math.floor(position / chunkBytes);
    const block = address(chunk);
    return block === holeAddress ? null : block * blockSizeBytes + (position - chunk * chunkBytes);
  };
  for (let at = from; at < to;) {
    const start = place(at);
    let end = Math.min(nextChunk(at, chunkBytes), to);
    while (end < to && end - at < pieceBytes && continues(start, end - at, place(end)))
      end = Math.min(nextChunk(end, chunkBytes), to);
    yield* start === null ? zeroPieces(end - at) : storedPieces(volume, inode, start, end - at);
    at = end;
  }
}

function nextChunk(position: number, chunkBytes: number): number {
  return (Math.floor(position / chunkBytes) + 1) * chunkBytes;
}

function continues(start: number | null, length: number, next: number | null): boolean {
  return start === null ? next === null : next === start + length;
}

/** Block addresses of chunks, which stand behind the inode as bare addresses or as `struct erofs_inode_chunk_index`. */
function chunkAddresses(volume: Volume, inode: Inode, indexes: boolean): (chunk: number) => number {
  const entryBytes = indexes ? 8 : 4;
  const start = Math.ceil(inode.tailOffset / entryBytes) * entryBytes;
  return (chunk) => {
    const at = start + chunk * entryBytes;
    const r = new ByteReader(volume.metadata.read(at, entryBytes), `chunk ${chunk} of erofs inode ${inode.id}`, at);
    if (indexes) {
      r.skip(2, 'advise');
      const device = r.u16le('device_id');
      if (device !== 0)
        throw r.fault('erofs.feature', 'device_id', `device ${device}: the device table is not supported`);
    }
    return r.u32le('blkaddr');
  };
}

function* storedPieces(volume: Volume, inode: Inode, offset: number, length: number): Generator<Uint8Array> {
  const source = inode.kind === 'file' ? volume.content : volume.metadata;
  for (let at = 0; at < length; at += pieceBytes) yield source.read(offset + at, Math.min(pieceBytes, length - at));
}

function* zeroPieces(length: number): Generator<Uint8Array> {
  const zeros = new Uint8Array(Math.min(pieceBytes, length));
  for (let at = 0; at < length; at += zeros.length) yield zeros.subarray(0, Math.min(zeros.length, length - at));
}
