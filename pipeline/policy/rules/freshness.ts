import type { Finding } from '../../core/index.ts';
import type { Policy } from '../schema.ts';
import { acceptedVersion, type State } from '../state.ts';
import { buildFinding } from './finding.ts';

export type PackFacts = {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: string;
  readonly expiresAt: string | null;
};

/** Judges what everything else is judged by: the policy, and the trust pack where there is one. */
export function judgeFreshness({
  policy,
  material: { pack },
  state,
  now,
}: {
  readonly policy: Policy;
  readonly material: { readonly pack: PackFacts | null };
  readonly state: State;
  readonly now: Date;
}): readonly Finding[] {
  return [...judgePolicyFreshness(policy, state, now), ...judgePackFreshness(pack, policy, state, now)];
}

/** Judges the times and versions of the policy itself, before anything is judged by it. */
function judgePolicyFreshness(policy: Policy, state: State, now: Date): readonly Finding[] {
  const findings: Finding[] = [];
  if (Date.parse(policy.expiresAt) <= now.getTime()) {
    findings.push(
      buildFinding(
        'policy.expired',
        'denied',
        `Cannot judge by policy ${policy.name}: it expired ${policy.expiresAt}`,
        {
          field: 'policy.expiresAt',
          actual: now.toISOString(),
          expected: `before ${policy.expiresAt}`,
          next: 'Bring the current policy to this node, or set its clock right',
        },
      ),
    );
  }
  if (Date.parse(policy.issuedAt) > now.getTime()) {
    findings.push(
      buildFinding(
        'policy.not-yet-valid',
        'denied',
        `Cannot judge by policy ${policy.name}: it is issued ${policy.issuedAt}, after this clock`,
        {
          field: 'policy.issuedAt',
          actual: now.toISOString(),
          expected: `after ${policy.issuedAt}`,
          next: 'Set the clock of this machine right',
        },
      ),
    );
  }
  const accepted = acceptedVersion(state.policyVersions, policy.name);
  if (accepted !== undefined && accepted > policy.version) {
    findings.push(
      buildFinding(
        'policy.rolled-back',
        'denied',
        `Cannot judge by policy ${policy.name}: version ${policy.version}, and version ${accepted} was accepted here before`,
        {
          field: 'policy.version',
          actual: String(policy.version),
          expected: `at least ${accepted}`,
          next: 'Bring the current policy to this node',
        },
      ),
    );
  }
  if (state.newestTime !== null && Date.parse(state.newestTime) > now.getTime()) {
    findings.push(
      buildFinding(
        'clock.set-back',
        'denied',
        `Cannot judge at ${now.toISOString()}: ${state.newestTime} was authenticated here before`,
        {
          field: 'time',
          actual: now.toISOString(),
          expected: `after ${state.newestTime}`,
          next: 'Set the clock of this machine right',
        },
      ),
    );
  }
  return findings;
}

/** Judges how fresh a trust pack is. It is untrusted: being fresh makes nothing in it count. */
function judgePackFreshness(pack: PackFacts | null, policy: Policy, state: State, now: Date): readonly Finding[] {
  if (pack === null) return policy.trustPack === undefined ? [] : [missingPack];
  const findings: Finding[] = [];
  const next = 'Fetch the current trust pack of the release';
  if (pack.expiresAt !== null && Date.parse(pack.expiresAt) <= now.getTime()) {
    findings.push(
      buildFinding('trust-pack.expired', 'denied', `Cannot use trust pack ${pack.name}: it expired ${pack.expiresAt}`, {
        field: 'trustPack.expiresAt',
        actual: now.toISOString(),
        expected: `before ${pack.expiresAt}`,
        next,
      }),
    );
  }
  const accepted = acceptedVersion(state.packVersions, pack.name);
  if (accepted !== undefined && accepted > pack.version) {
    findings.push(
      buildFinding(
        'trust-pack.rolled-back',
        'denied',
        `Cannot use trust pack ${pack.name}: version ${pack.version}, and version ${accepted} was accepted here before`,
        {
          field: 'trustPack.version',
          actual: String(pack.version),
          expected: `at least ${accepted}`,
          next,
        },
      ),
    );
  }
  const minimum = policy.trustPack?.minimumVersion;
  if (minimum !== undefined && pack.version < minimum) {
    findings.push(
      buildFinding(
        'trust-pack.below-minimum',
        'denied',
        `Cannot use trust pack ${pack.name}: version ${pack.version}, the policy wants ${minimum}`,
        {
          field: 'trustPack.version',
          actual: String(pack.version),
          expected: `at least ${minimum}`,
          next,
        },
      ),
    );
  }
  const days = policy.trustPack?.maximumAgeDays;
  if (days !== undefined && now.getTime() - Date.parse(pack.issuedAt) > days * millisecondsPerDay) {
    findings.push(
      buildFinding(
        'trust-pack.too-old',
        'denied',
        `Cannot use trust pack ${pack.name}: it was issued ${pack.issuedAt}, more than ${days} days ago`,
        {
          field: 'trustPack.issuedAt',
          actual: pack.issuedAt,
          expected: `in the last ${days} days`,
          next,
        },
      ),
    );
  }
  return findings;
}

/** Bundles that came on their own could be of any age, and nothing would tell which revocations are left out. */
const missingPack = buildFinding(
  'trust-pack.missing',
  'denied',
  'Cannot tell how fresh the bundles are: no trust pack',
  {
    field: 'trustPack',
    actual: null,
    expected: 'a trust pack',
    next: 'Give the trust pack of the release with --trust-pack',
  },
);

export const millisecondsPerDay = 86_400_000;
