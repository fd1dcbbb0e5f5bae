/** What the Action may know of the job that it is a step of. Filled by main.ts, or by a test. */
export type ActionWorld = {
  /** Where relative paths start: the workspace. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** The log, which the runner reads for workflow commands. */
  readonly write: (text: string) => void;
};
