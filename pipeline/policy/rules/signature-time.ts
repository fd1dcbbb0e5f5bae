import type { Finding } from '../../core/index.ts';
import type { VerifiedStatement } from '../../verify/index.ts';
import type { Revocation } from '../schema.ts';
import { buildFinding } from './finding.ts';
import { millisecondsPerDay } from './freshness.ts';

type SignatureTimeRules = {
  /** Without it a signature does not age. */
  readonly maximumAgeDays: number | undefined;
  readonly revocations: readonly Revocation[];
  readonly now: Date;
};

/** Judges when a statement was signed: its age, and whether its signer was revoked by then. */
export function judgeSignatureTime(
  verified: VerifiedStatement,
  signer: string,
  { maximumAgeDays, revocations, now }: SignatureTimeRules,
): readonly Finding[] {
  const earliest = verified.signer.signedAt[0]?.at;
  return [
    ...judgeAge(earliest, maximumAgeDays, now),
    ...revocations
      .filter((revocation) => revocation.signer === signer)
      .flatMap((revocation) => judgeRevokedSigner(revocation, signer, earliest)),
  ];
}

function judgeAge(earliest: string | undefined, days: number | undefined, now: Date): readonly Finding[] {
  if (days === undefined) return [];
  if (earliest !== undefined && now.getTime() - Date.parse(earliest) <= days * millisecondsPerDay) return [];
  return [
    buildFinding(
      'attestation.too-old',
      'denied',
      `Cannot count the attestation: signed ${earliest ?? 'at no authenticated time'}, want in the last ${days} days`,
      {
        field: 'signedAt',
        actual: earliest ?? null,
        expected: `in the last ${days} days`,
        next: 'Sign the node set again in its release workflow, or take a newer release',
      },
    ),
  ];
}

/** A signature without an authenticated time could have been made at any: every revocation of its signer is total. */
function judgeRevokedSigner(revocation: Revocation, signer: string, earliest: string | undefined): readonly Finding[] {
  const before =
    revocation.since !== undefined && earliest !== undefined && Date.parse(earliest) < Date.parse(revocation.since);
  if (before) return [];
  return [
    buildFinding(
      'revoked.signer',
      'denied',
      `Cannot count the attestation: signer ${signer} was revoked${revocation.since === undefined ? '' : ` from ${revocation.since} on`}: ${revocation.why}`,
      {
        field: 'signedAt',
        actual: earliest ?? 'no authenticated time',
        expected: revocation.since === undefined ? 'another signer' : `before ${revocation.since}`,
        next: 'Take a release that another signer signed',
      },
    ),
  ];
}
