/** The files that units are read from, as a port. Faults of its functions: file.*, limit.*, bytes.utf8. */
export type UnitTree = {
  /** Text of a file, undefined where it is absent. */
  readText(path: string, maxBytes: number): string | undefined;
  /** Names in a directory, sorted; undefined where it is absent or no directory. */
  listNames(path: string): readonly string[] | undefined;
  /** Where a path leads, all links followed; undefined where it leads nowhere. */
  place(path: string): PlacedUnitFile | undefined;
};

export type PlacedUnitFile = {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'character-device' | 'block-device' | 'other';
  readonly sizeBytes: number;
};
