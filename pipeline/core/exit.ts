import type { FaultCode } from './fault.ts';

/** Exit codes of every command, HTTP statuses and Action outcomes alike. */
export const exit = {
  admit: 0,
  denied: 1,
  usage: 2,
  untrusted: 3,
  unavailable: 4,
  bug: 70,
} as const;

export type Exit = (typeof exit)[keyof typeof exit];

/** Areas of faults that are ours to repair: flags, configuration, policy, keys. */
const usageAreas: ReadonlySet<string> = new Set(['usage', 'policy', 'key', 'config']);

/** Areas of faults that say nothing about the other side: a missing file, a network that does not answer, a signature not made. */
const unavailableAreas: ReadonlySet<string> = new Set(['unavailable', 'file', 'network', 'signing']);

/** The exit code of a fault. What is neither ours nor absent is malformed bytes from the other side: untrusted. */
export function exitOf(code: FaultCode): Exit {
  const area = code.slice(0, code.indexOf('.'));
  if (usageAreas.has(area)) return exit.usage;
  if (unavailableAreas.has(area)) return exit.unavailable;
  return exit.untrusted;
}

/** One exit code for several outcomes: what is ours to repair, then not authentic before not met before not judged. */
export function worstExit(exits: readonly Exit[]): Exit {
  return [exit.usage, exit.untrusted, exit.denied, exit.unavailable].find((code) => exits.includes(code)) ?? exit.admit;
}
