import { Fault } from '../core/index.ts';

/** What a command may know of the process it runs in. Filled by main.ts, or by a test. */
export type World = {
  /** Where relative paths start. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The standalone program that runs; absent where Node or the like runs us. */
  readonly program?: string | undefined;
};

export type Output = {
  readonly write: (text: string) => void;
  /** A person is looking: progress and colour make sense. */
  readonly isTerminal: boolean;
};

/** SOURCE_DATE_EPOCH where it is set, the clock otherwise: the one time that goes into documents. Fault: usage.source-date-epoch. */
export function documentTime(world: World): Date {
  const epoch = world.environment['SOURCE_DATE_EPOCH'];
  if (epoch === undefined || epoch === '') return world.now();
  if (/^\d{1,11}$/.test(epoch)) return new Date(Number(epoch) * 1000);
  // reproducible-builds.org, "If the value is malformed, the build process SHOULD exit with a non-zero error code."
  throw new Fault(
    'usage.source-date-epoch',
    `Cannot use SOURCE_DATE_EPOCH ${JSON.stringify(epoch.slice(0, 40))}: want seconds since 1970`,
  );
}
