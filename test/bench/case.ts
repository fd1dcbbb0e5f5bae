/** One program as it is started: argv, nothing through a shell. */
export type Program = { readonly name: string; readonly argv: readonly string[] };

export type Bar = MeasureBar | SizeBar;

/** What a bar holds against: a multiple of the yardstick's median, what comes on top of it, or a plain number. Seconds and bytes. */
export type MeasureBar = {
  readonly measure: 'wallSeconds' | 'cpuSeconds' | 'rssBytes';
  readonly atMost: number;
  readonly of: 'yardstick' | 'excess' | 'itself';
};

/** What is not measured but weighed, once: files that ship. */
export type SizeBar = { readonly what: string; readonly sizeBytes: number; readonly atMost: number };

export type Prepared = {
  readonly ours: Program;
  /** The foreign program that does the same work on the same bytes; run in turn with ours. */
  readonly yardstick?: Program;
  readonly bars: readonly Bar[];
  /** Puts back what a program changes, before each run of either; not measured. */
  readonly beforeEach?: () => void | Promise<void>;
  /** Told under the measurements, from one run of its own that is not measured. */
  readonly details?: Program;
  /** Ends what was started for the case. */
  readonly close?: () => Promise<void>;
};

/** A reason not to run, printed and counted. */
export type Skipped = { readonly skipped: string };

/** Our program is there and does the work wrongly: not to be confused with a tool that is missing. */
export type Failed = { readonly failed: string };

export type Preparation = Prepared | Skipped | Failed;

export type BenchCase = {
  readonly name: string;
  /** How many times each program runs, unless the command line says. */
  readonly rounds: number;
  /** Looks for tools and inputs, and makes what is missing and cheap in `scratch`, a folder that is removed afterwards. */
  readonly prepare: (scratch: string) => Preparation | Promise<Preparation>;
};
