/** What a command may know of the process it runs in. Filled by main.ts, or by a test. */
export type World = {
  /** Where relative paths start. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly stdout: Output;
  readonly stderr: Output;
};

export type Output = {
  readonly write: (text: string) => void;
  /** A person is looking: progress and colour make sense. */
  readonly isTerminal: boolean;
};

/** SOURCE_DATE_EPOCH where it is set, the clock otherwise: the one time that goes into documents. */
export function documentTime(world: World): Date {
  const epoch = world.environment['SOURCE_DATE_EPOCH'];
  return epoch !== undefined && /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : world.now();
}
