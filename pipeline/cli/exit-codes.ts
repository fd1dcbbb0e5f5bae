import type { Exit } from '../core/index.ts';

/** What each exit code means: help and the README tell it with the same words. */
export const exitMeanings = {
  0: 'admitted, or done',
  1: 'the policy is not met (no attestation for it found counts here)',
  2: 'usage or configuration, a malformed policy too',
  3: 'evidence or a signature is not authentic, bytes are malformed, or facts contradict each other',
  4: 'could not judge: network, or an input missing on our side',
  70: 'a bug in nodeproof',
} as const satisfies Record<Exit, string>;
