import { decodeFileName, Fault, limits } from '../../core/index.ts';
import { carryU32, carryWithout } from './checksum.ts';
import type { Inode } from './inode.ts';
import type { Volume } from './volume.ts';

const magic = 0xea020000;
const blockHeaderBytes = 32;
const entryHeaderBytes = 16;

const prefixes: Readonly<Record<number, string>> = {
  0: '',
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
};

/** The attribute in which ext4 keeps the rest of inline content; the kernel does not show it. */
const inlineContent = 'system.data';

/**
 * The extended attributes of an inode, from behind its fields and from its block of attributes: "Extended Attributes" of
 * the kernel's ext4 documentation. Values are as stored, access control lists in ext4's own form.
 * Faults: ext4.xattr, ext4.checksum, limit.xattrs, limit.xattr-bytes.
 */
export function readXattrs(volume: Volume, inode: Inode): Map<string, Uint8Array> {
  const attributes = parseInodeXattrs(inode);
  attributes.delete(inlineContent);
  if (inode.attributeBlock !== 0) {
    const block = readAttributeBlock(volume, inode);
    parseEntries(inode, block, blockHeaderBytes, attributes);
  }
  return attributes;
}

/** The part of inline content that has no room in i_block. */
export function readInlineRest(inode: Inode): Uint8Array {
  return parseInodeXattrs(inode).get(inlineContent) ?? new Uint8Array();
}

function parseInodeXattrs(inode: Inode): Map<string, Uint8Array> {
  const attributes = new Map<string, Uint8Array>();
  const area = inode.attributes;
  if (area.byteLength < 8 || area.readUInt32LE(0) !== magic) return attributes;
  // Values are counted from the first entry.
  parseEntries(inode, area.subarray(4), 0, attributes);
  return attributes;
}

function readAttributeBlock(volume: Volume, inode: Inode): Buffer {
  const what = `the attributes of inode ${inode.node.id}`;
  const block = volume.readBlock(inode.attributeBlock, what);
  if (block.readUInt32LE(0) !== magic || block.readUInt32LE(8) !== 1)
    throw xattrFault(inode, 'no block of attributes where the inode says');
  const { checksumSeed } = volume.superblock;
  if (checksumSeed !== undefined) {
    const place = inode.attributeBlock;
    const seed = carryU32(carryU32(checksumSeed, place % 2 ** 32), Math.floor(place / 2 ** 32));
    if (carryWithout(seed, block, [0x10, 4]) !== block.readUInt32LE(0x10)) throw volume.checksumFault(what);
  }
  return block;
}

function parseEntries(inode: Inode, area: Buffer, firstEntry: number, attributes: Map<string, Uint8Array>): void {
  let at = firstEntry;
  // Four zero bytes end the list.
  while (at + 4 <= area.byteLength && area.readUInt32LE(at) !== 0) {
    if (at + entryHeaderBytes > area.byteLength) throw xattrFault(inode, 'an entry that ends behind its room');
    const nameBytes = area.readUInt8(at);
    const prefix = prefixes[area.readUInt8(at + 1)];
    const valueAt = area.readUInt16LE(at + 2);
    const valueInode = area.readUInt32LE(at + 4);
    const valueBytes = area.readUInt32LE(at + 8);
    const nameEnd = at + entryHeaderBytes + nameBytes;
    if (nameEnd > area.byteLength) throw xattrFault(inode, 'a name that ends behind its room');
    if (prefix === undefined) throw xattrFault(inode, `name index ${area.readUInt8(at + 1)}, want a known one`);
    if (valueInode !== 0) throw xattrFault(inode, 'a value in an inode of its own, which is not supported');
    if (valueBytes > limits.xattrBytes)
      throw new Fault('limit.xattr-bytes', `Cannot read the attributes of inode ${inode.node.id}: ${valueBytes} bytes`);
    if (valueBytes > 0 && valueAt + valueBytes > area.byteLength)
      throw xattrFault(inode, 'a value that ends behind its room');
    if (attributes.size >= limits.xattrs)
      throw new Fault(
        'limit.xattrs',
        `Cannot read the attributes of inode ${inode.node.id}: more than ${limits.xattrs}`,
      );
    const name = prefix + decodeFileName(area.subarray(at + entryHeaderBytes, nameEnd));
    // The kernel looks behind the inode's fields first: that one counts.
    if (!attributes.has(name)) attributes.set(name, new Uint8Array(area.subarray(valueAt, valueAt + valueBytes)));
    at = Math.ceil(nameEnd / 4) * 4;
  }
}

function xattrFault(inode: Inode, problem: string): Fault {
  return new Fault('ext4.xattr', `Cannot read the attributes of inode ${inode.node.id}: ${problem}`);
}
