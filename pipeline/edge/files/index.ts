export { type DecompressedDigest, type DecompressionOptions, digestDecompressed } from './decompressed-digest.ts';
export { type FileSource, openFileSource } from './file-source.ts';
export { writeDirectoryAtomically } from './output-directory.ts';
export { readSmallFile } from './small-file.ts';
