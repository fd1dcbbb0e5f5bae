import type { Digest, Source } from '../core/index.ts';
import type { ElfFile } from '../formats/elf/index.ts';
import type { Component } from './component.ts';

/** A regular file as catalogers see it. */
export type CatalogedFile = {
  /** As on a node: `/usr/lib/os-release`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
};

/**
 * Finds components in one kind of place. Three ways to look, so that one reading of each file serves all:
 * at files as a whole, by their path; at ELF files, of which only headers and sections are read; at names alone.
 *
 * A Fault of a cataloger makes its file unread, which the inventory tells; it never hides what others found.
 */
export type Cataloger = WholeFileCataloger | ElfCataloger | PathCataloger;

export type WholeFileCataloger = {
  readonly looksAt: 'whole files';
  readonly name: string;
  readonly selects: (path: string) => boolean;
  /** A selected file that is larger is unread. */
  readonly maxBytes: number;
  readonly catalog: (content: Uint8Array, file: CatalogedFile) => readonly Component[];
};

export type ElfCataloger = {
  readonly looksAt: 'ELF files';
  readonly name: string;
  readonly catalog: (elf: ElfFile, source: Source, file: CatalogedFile) => readonly Component[];
};

export type PathCataloger = {
  readonly looksAt: 'paths';
  readonly name: string;
  /** Called once for each directory and each regular file; a directory has no digest. */
  readonly catalog: (path: string, digest: Digest | null) => readonly Component[];
};
