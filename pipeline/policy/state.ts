import * as z from 'zod/mini';
import { decodeUtf8, Fault, limits } from '../core/index.ts';
import { parseJson } from '../formats/json/index.ts';
import { parseWith, plainName, utcTime } from '../formats/schema/index.ts';

/**
 * What a node remembers of earlier verdicts, so that an older policy or pack, or a clock that was set back, is noticed.
 * Kept under /var/lib/nodeproof, which no extension can cover.
 */
export const stateSchema = z.strictObject({
  type: z.literal('https://nodeproof.dev/state/v1'),
  /** The highest version that was accepted, by the policy's name. */
  policyVersions: z.record(plainName, z.int().check(z.positive())),
  /** The highest version that was accepted, by the trust pack's name. */
  packVersions: z.record(plainName, z.int().check(z.positive())),
  /** The newest time that somebody else vouched for. */
  newestTime: z.nullable(utcTime),
});

export type State = z.output<typeof stateSchema>;

export const emptyState: State = {
  type: 'https://nodeproof.dev/state/v1',
  policyVersions: {},
  packVersions: {},
  newestTime: null,
};

/** Reads the state file. Faults: state.size, state.field, json.*. */
export function parseState(bytes: Uint8Array): State {
  if (bytes.byteLength > limits.policyBytes)
    throw new Fault(
      'state.size',
      `Cannot read the state: ${bytes.byteLength} bytes, want at most ${limits.policyBytes}`,
    );
  return parseWith(stateSchema, parseJson(decodeUtf8(bytes, 'state'), 'state'), 'state.field', 'state');
}

/** Names come from outside: `constructor` is one like any other. */
export function acceptedVersion(versions: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(versions, name) ? versions[name] : undefined;
}

/** The state after an admission: nothing ever falls. */
export function advanceState(
  state: State,
  accepted: {
    readonly policy: { readonly name: string; readonly version: number };
    readonly pack: { readonly name: string; readonly version: number } | null;
    readonly times: readonly string[];
  },
): State {
  const newest = [state.newestTime, ...accepted.times]
    .filter((time) => time !== null)
    .reduce<string | null>((a, b) => (a === null || Date.parse(b) > Date.parse(a) ? b : a), null);
  return {
    type: state.type,
    policyVersions: raised(state.policyVersions, accepted.policy),
    packVersions: accepted.pack === null ? state.packVersions : raised(state.packVersions, accepted.pack),
    newestTime: newest,
  };
}

function raised(
  versions: Readonly<Record<string, number>>,
  accepted: { readonly name: string; readonly version: number },
): Record<string, number> {
  return { ...versions, [accepted.name]: Math.max(acceptedVersion(versions, accepted.name) ?? 0, accepted.version) };
}
