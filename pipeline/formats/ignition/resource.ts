import { gzipSync } from 'node:zlib';
import { Digest } from '../../core/index.ts';

/** Where Ignition takes the content of a file from, and what it must be (Ignition 3.4, "contents"). */
export type Resource = {
  readonly source: string;
  readonly compression?: 'gzip';
  /** Of the content as it is on disk: where it comes compressed, of what comes out. */
  readonly verification: { readonly hash: `sha512-${string}` };
};

/** Content that travels in the document itself (RFC 2397), compressed where that is shorter. */
export function inlineResource(content: Uint8Array): Resource {
  const plain = { source: dataUrl(content), verification: verificationOf(content) };
  const compressed = compressedResource(content);
  return JSON.stringify(compressed).length < JSON.stringify(plain).length ? compressed : plain;
}

export function compressedResource(content: Uint8Array): Resource {
  return { source: dataUrl(compress(content)), compression: 'gzip', verification: verificationOf(content) };
}

/** Content that is fetched, and refused where it is not what was hashed. A path that ends in `.gz` is decompressed on arrival. */
export function remoteResource(url: URL, sha512: Digest): Resource {
  const compression = url.pathname.endsWith('.gz') ? { compression: 'gzip' as const } : {};
  return { source: url.href, ...compression, verification: { hash: `sha512-${sha512.hex}` } };
}

function verificationOf(content: Uint8Array): Resource['verification'] {
  return { hash: `sha512-${Digest.of('sha512', content).hex}` };
}

function dataUrl(bytes: Uint8Array): string {
  return `data:;base64,${Buffer.from(bytes).toString('base64')}`;
}

/** RFC 1952: no time and no name are written, and one system for all, so that everywhere the same bytes come out. */
function compress(content: Uint8Array): Buffer {
  const bytes = gzipSync(content, { level: 9 });
  bytes[operatingSystemByte] = unixSystem;
  return bytes;
}

const operatingSystemByte = 9;
const unixSystem = 3;
