export { architectureOf } from './architecture.ts';
export { type ElfFile, elfMagic, type ElfSegment, readElf, sectionNamed } from './elf.ts';
export { type ByteRange, foretellElfRanges } from './foretold-ranges.ts';
export { headerBytes as elfHeaderBytes, parseElfHeader } from './header.ts';
