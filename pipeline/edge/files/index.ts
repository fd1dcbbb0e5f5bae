export { type FileSource, openFileSource } from './file-source.ts';
export { flushDirectory } from './flush.ts';
export { writeImageAtomically } from './output-image.ts';
export { writeDirectoryAtomically } from './output-directory.ts';
export { replaceFile } from './replace-file.ts';
export { readSmallFile } from './small-file.ts';
export { isSystemError, type OpenFile, openForReading, readUpTo } from './open-file.ts';
