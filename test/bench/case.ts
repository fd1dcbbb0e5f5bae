/** One program as it is started: argv, nothing through a shell. */
export type Program = { readonly name: string; readonly argv: readonly string[] };

/** What a bar holds against: a multiple of the yardstick's median, or a plain number. Seconds and bytes. */
export type Bar = {
  readonly measure: 'wallSeconds' | 'cpuSeconds' | 'rssBytes';
  readonly atMost: number;
  readonly of: 'yardstick' | 'itself';
};

export type Prepared = {
  readonly ours: Program;
  /** The foreign program that does the same work on the same bytes; run in turn with ours. */
  readonly yardstick?: Program;
  readonly bars: readonly Bar[];
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
